// A customer whose bank wants to ask, paid for as the public command line client does it: it reads
// the bank's pages with expressions, and builds every address and message from what it was told.
import assert from "node:assert/strict"
import { ask, authly, Card, cards, key, keys, token, verifier } from "./shop.mjs"

const browser = { colorDepth: 24, java: false, javascript: true, locale: "sv-SE", parent: "http://127.0.0.1", resolution: [2560, 1440], timezone: -60 }
const field = /input type="hidden" name="([a-zA-z0-9]+)" value="(.+)"/
const packed = (value) => authly.Base64.encode(JSON.stringify(value), "url", "=")

async function post(url, fields) {
	const headers = { "content-type": "application/x-www-form-urlencoded" }
	const answer = await fetch(url, { method: "POST", headers, body: new URLSearchParams(fields).toString() })
	assert.ok(answer.ok, `${url}: ${answer.status}`)
	return answer.text()
}

async function fill(url, fields) {
	const page = await post(url, fields)
	const found = (page.match(new RegExp(field, "g")) ?? []).map((line) => line.match(field).slice(1))
	const action = page.match(/(action)="(.+)"/g)?.map((line) => line.match(/(action)="(.+)"/).slice(1)) ?? []
	return Object.fromEntries([...found, ...action])
}

// What the client takes for a demand to verify, member by member.
function demand({ status, value }) {
	const details = value.content?.details
	const good =
		status == 400 && value.type == "malformed content" && value.content.description == "verification required" &&
		typeof value.content.property == "string" && value.content.type == "Card.Token" &&
		typeof details.visible == "boolean" && ["GET", "POST"].includes(details.method) && typeof details.url == "string" &&
		Object.values(details.data).every((each) => typeof each == "string")
	assert.ok(good, JSON.stringify(value))
	return details
}

async function address(card) {
	const known = await verifier.verify(card, "production", "development")
	assert.ok(Card.V1.Token.is(known) && Card.V1.Token.hasInfo(known))
	return `${cards}/card/${known.card}/verification?mode=show&merchant=${key.card.id ?? key.sub}`
}

const steps = {
	async pareq(card, { url, data }) {
		const back = await address(card)
		const asked = await fill(url, { TermUrl: back, PaReq: data.pareq, MD: "data" })
		const answered = await fill(url, { ...asked, authenticated: "authenticated", MD: "" })
		assert.equal(answered.action, back)
		return [back, { PaRes: answered.PaRes }]
	},
	async method(card, { url, data: { threeDSServerTransID } }) {
		const back = await address(card)
		await fill(url, { threeDSMethodData: packed({ threeDSServerTransID, threeDSMethodNotificationURL: back }) })
		return [back, { threeDSMethodData: packed({ threeDSServerTransID }) }]
	},
	async challenge(card, { url, data }) {
		const { threeDSServerTransID, acsTransID } = data
		assert.deepEqual([data.messageType, typeof data.messageVersion, typeof data.challengeWindowSize], ["CReq", "string", "string"])
		const message = { threeDSServerTransID, acsTransId: acsTransID, messageVersion: data.messageVersion, messageType: "CReq", challengeWindowSize: "01" }
		const asked = await fill(url, { creq: packed(message) })
		const answered = await fill(asked.action, { threeDSServerTransID: asked.threeDSServerTransID, challengeStatus: "pass" })
		return [await address(card), { cres: answered.cres }]
	},
}

async function pay(pan, client) {
	let card = await token(pan)
	const went = []
	const ids = new Set()
	for (let tries = 0; tries < 4; tries++) {
		const body = { number: "A-18", items: 7.42, currency: "EUR", payment: { type: "card", card, ...(client && { client }) } }
		const answer = await ask(key.iss + "/order", body, { key: keys.public, accept: "application/jwt; charset=utf-8" })
		if (typeof answer.value == "string") {
			const order = await verifier.verify(answer.value, "development")
			assert.deepEqual([[...ids], order.status], [[order.id], { ordered: 7.42 }])
			return { went, order: order.id }
		}
		const details = demand(answer)
		const step = details.data.pareq ? "pareq" : details.data.type
		went.push(step)
		ids.add(answer.value.id)
		const [back, brought] = await steps[step](card, details)
		const [kind, data] = Object.entries(brought)[0]
		assert.ok(Card.Change.is({ verification: { type: step == "pareq" ? "pares" : step, data } }), kind)
		card = await post(back, brought)
		const said = await verifier.verify(card, "production", "development")
		assert.ok(Card.V1.Token.is(said))
		assert.equal(said.verification.type, step == "pareq" ? "pares" : step)
	}
	throw new Error("asked too often")
}

console.log(JSON.stringify(Object.fromEntries(await Promise.all(
	Object.entries(JSON.parse(process.env.VISITS)).map(async ([pan, old]) => [pan, await pay(pan, old ? undefined : { browser })])
))))
