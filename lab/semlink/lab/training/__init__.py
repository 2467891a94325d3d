"""Programs that train the networks of the link, and the data sets they read."""
