"""What was trained, in use: snapshots, one class per ability.  Imports no objective, recipe or trainer."""
