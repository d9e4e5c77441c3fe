"""What tills call: pushing receipts, voiding and attributing them, over the rooms below in one transaction."""
