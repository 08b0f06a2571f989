"""Operations planned once and run many times, by Python that is generated for them."""
