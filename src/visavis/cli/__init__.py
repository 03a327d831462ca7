"""The command line: main, arguments, commands.  Nothing but the entry points imports it."""
