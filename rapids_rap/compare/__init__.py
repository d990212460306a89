"""What differs between runs? Two on the texts they share, or a grid of them."""
