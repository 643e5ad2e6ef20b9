"""The products, their pages, and the admin page that edits them."""
