"""What customers see: pages, their words in every language, and the card form they send back.

The payment page (`web/checkout`) and the checkouts of wires are made of it. It knows no order's
life: it shows values and reads forms.
"""
