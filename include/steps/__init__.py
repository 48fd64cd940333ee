"""One module per task, of the task's name. Each has `run(services, model, request, ...)` and returns a reference.

`IF_IT_FAILS` says in one line what state things are in when the step stops: the alert and the log repeat it.
"""
