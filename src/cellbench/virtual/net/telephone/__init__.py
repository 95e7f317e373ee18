"""The operator's telephone network: short messages in the format of the radio interface, their service
centre, and voice calls between subscribers."""
