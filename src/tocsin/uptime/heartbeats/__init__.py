"""Do programs that should run now and then still do? They say so themselves."""
