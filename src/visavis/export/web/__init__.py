"""One page in the browser: a folder for any web server, or one file that opens by a double click."""
