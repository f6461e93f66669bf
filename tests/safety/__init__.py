"""What must never go wrong: writes that are lost or done twice, transactions left open, deadlines that are not kept."""
