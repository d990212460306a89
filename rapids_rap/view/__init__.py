"""The interactive map: a run as columns for a browser, one page that draws them, a small server."""
