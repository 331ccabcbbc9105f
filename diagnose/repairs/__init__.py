"""What each role owes, when it kept that, and the best it could have given: the definition of blame."""
