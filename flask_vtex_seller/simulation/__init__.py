"""The fulfillment simulation: what a cart costs, what of it is in stock, how it can be delivered."""
