"""What an order delivered, earned and lacked: baselines, settlement, payments, invoices; `batch/` is the same for very many.

No metering and no message exchange lives here.
"""
