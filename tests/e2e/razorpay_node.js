// Drives the vendor's own Node client: node razorpay_node.js BASE KEY_ID KEY_SECRET; one JSON text.
"use strict";
const Razorpay = require("razorpay");
const { validatePaymentVerification } = require("razorpay/dist/utils/razorpay-utils");

const [base, key_id, key_secret] = process.argv.slice(2);
const client = new Razorpay({ key_id, key_secret });
client.api.rq.defaults.baseURL = base;
const card = { number: "4100280000001007", name: "G Kumar", expiry_month: 12, expiry_year: 39, cvv: "123" };
const payer = { email: "gaurav.kumar@example.com", contact: "9999999988" };

async function refusal(work) {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it was not refused");
}

async function pay(order, more) {
  const begun = await client.payments.createPaymentJson({
    amount: 50000, currency: "INR", order_id: order.id, method: "card", card, ...payer, ...more,
  });
  await client.payments.otpGenerate(begun.razorpay_payment_id);
  return client.payments.otpSubmit(begun.razorpay_payment_id, { otp: "1234" });
}

async function main() {
  const found = {};
  const order = await client.orders.create({ amount: 50000, currency: "INR", receipt: "node", notes: { a: "b" } });
  found.created = order.status;
  found.listed = (await client.orders.all({ receipt: "node", "expand[]": ["payments"] })).items[0].payments.entity;
  found.fetched = (await client.orders.fetch(order.id)).notes.a;
  found.edited = (await client.orders.edit(order.id, { notes: { c: "d" } })).notes.c;
  const account = { account_number: "765432123456789", name: "G Kumar", ifsc: "HDFC0000053" };
  const banked = await client.orders.create({ amount: 500, method: "netbanking", receipt: "bank", bank_account: account });
  const since = Math.floor(Date.now() / 1000) - 3600;
  const listed = await client.orders.all({ from: since, to: since + 7200, authorized: false, receipt: "bank", count: 5 });
  found.banked = listed.items.map((each) => each.id).join() === banked.id;
  found.transfers = (await client.orders.fetchTransferOrder(order.id)).transfers.count;
  found.unpaid = (await client.orders.fetchPayments(order.id)).count;
  const handed = await pay(order);
  const { razorpay_order_id: order_id, razorpay_payment_id: payment_id } = handed;
  found.verified = validatePaymentVerification({ order_id, payment_id }, handed.razorpay_signature, key_secret);
  found.paid = (await client.orders.fetch(order.id)).status;
  const payment = await client.payments.fetch(payment_id);
  found.payment = payment.status;
  found.payments = (await client.orders.fetchPayments(order.id)).items[0].id === payment_id;
  const refund = await client.payments.refund(payment_id, { amount: 100, notes: { why: "torn" } });
  found.refund = refund.status;
  found.refunds = (await client.refunds.all({ payment_id })).items[0].id === refund.id;
  found.refetched = (await client.refunds.fetch(refund.id, { payment_id })).amount;
  const held = await client.orders.create({ amount: 50000, currency: "INR", payment_capture: false });
  const later = await pay(held);
  found.refused = await refusal(client.payments.capture(later.razorpay_payment_id, 1, "INR"));
  found.waiting = (await client.orders.all({ authorized: true })).items.map((each) => each.id).join() === held.id;
  found.captured = (await client.payments.capture(later.razorpay_payment_id, 50000, "INR")).captured;
  found.unknown = await refusal(client.orders.fetch("order_AAAAAAAAAAAAAA"));
  const hook = await client.webhooks.create({ url: "https://shop.example/node", events: ["order.paid"] });
  found.hook = hook.entity;
  found.webhook = Razorpay.validateWebhookSignature(
    '{"entity":"event","event":"order.paid"}',
    "0d2acdd5697ec314bfd88745ee770cd8b328b204de669580e784dc412268b2e2",
    "hook-secret",
  );
  process.stdout.write(JSON.stringify(found));
}

main().catch((error) => {
  process.stderr.write(JSON.stringify(error, Object.getOwnPropertyNames(error)));
  process.exit(1);
});
