"""Setting the phone up by talking: from “I want to receive phone calls” to a number that works."""
