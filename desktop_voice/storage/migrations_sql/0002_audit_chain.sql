-- Each entry's digest covers the one before it; NULL in entries of older versions of the app.
ALTER TABLE audit ADD COLUMN chain BLOB;
