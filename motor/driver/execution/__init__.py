"""How an operation is run: on which server, over which connection, in which session, and how often.

The door is :meth:`motor.driver.execution.deployment.Deployment.execute`.
"""
