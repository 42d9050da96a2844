"""Trading of flexibility: the conversation of request, offer and order between the DSO and one aggregator."""
