"""What the pages of services share: who may come in, what a connection may cost, the server, and the words around.

`site` and `entrance` make an application, `server` serves it. Needs the extra `pages`; nothing else imports this room.
"""
