ROWS: tuple = ()
