"""How a coroutine of the engine becomes the Future that an application awaits: one module a framework."""
