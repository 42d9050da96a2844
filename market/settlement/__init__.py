"""What an order delivered, earned and lacked: baselines, settlement, payments.

No metering and no message exchange lives here.
"""
