"""Trading of flexibility: the conversation of request, offer and order between the DSO and one aggregator.

What a request, offer or order looks like never lives here: that is in `market.uftp`.
"""
