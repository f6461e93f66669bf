"""In-use encryption: the input and output that libmongocrypt, through pymongocrypt, asks for, on the engine.

Its modules import pymongocrypt, which is optional: they are imported when a client is to encrypt. Source: the MongoDB
specification "Client Side Encryption".
"""
