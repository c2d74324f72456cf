// What an integration does, with the packages it does it with: cards to tokens, tokens to orders,
// and checks of all that comes back. It is given the keys as JSON, and prints what it found.
import assert from "node:assert/strict"
import { ask, authly, Card, Item, key, keys, stranger, token, verifier } from "./shop.mjs"

const lines = [
	{ name: "t-shirt", price: 80, quantity: 2, unit: "st", vat: 20 },
	{ name: "gloves", price: 160, quantity: 1, unit: "st", vat: 40 },
]
const single = await token("4111111111111111")
const said = await verifier.verify(single, "production", "development")
assert.deepEqual([said.iss, said.type, said.iin, said.last4], ["cardfunc", "single use", "411111", "1111"])
assert.ok(Card.Expires.is(said.expires))
const payment = { type: "card", card: single }
const made = await ask(key.iss + "/order", { number: "A-17", items: lines, currency: "EUR", payment }, { key: keys.public })
assert.equal(made.type, "application/jwt; charset=utf-8")
const order = await verifier.verify(made.value, "development")
assert.ok(authly.Identifier.is(order.id, 16))
assert.ok(Item.canBe(order.items))
assert.equal(Item.amount(order.items), 400)
assert.deepEqual(order.status, { ordered: 400 })
assert.equal(await stranger.verify(made.value, "development"), undefined)
assert.equal(await verifier.verify(made.value, "elsewhere"), undefined)
assert.equal(await verifier.verify(made.value.replace(/.$/, (c) => (c == "A" ? "B" : "A")).replace(/\.(.)/, "._"), "development"), undefined)
assert.ok(await verifier.verify(order.payment.card, "development"))
const charged = await ask(`${key.iss}/order/${order.id}/event`, { type: "charge", items: { ...lines[0], quantity: 1 } })
assert.equal(charged.value.type, "charge")
const shown = await ask(`${key.iss}/order/${order.id}`, undefined, { method: "GET" })
assert.deepEqual(shown.value.status, { ordered: 300, charged: 100 })
const used = await ask(key.iss + "/order", { items: 1, currency: "EUR", payment })
assert.deepEqual([used.status, used.value.status, used.value.content.type], [400, 400, "model.Card"])
const many = await Promise.all(
	Array.from({ length: 20 }, async (_, at) => {
		const card = await token("4111111111111111")
		const body = { items: at + 1, currency: "EUR", payment: { type: "card", card } }
		const answer = await ask(key.iss + "/order", body, { key: keys.public, accept: "application/jwt; charset=utf-8" })
		return (await verifier.verify(answer.value, "development"))?.status.ordered
	})
)
assert.deepEqual(many, Array.from({ length: 20 }, (_, at) => at + 1))
console.log(JSON.stringify({ order: order.id, orders: many.length + 1 }))
