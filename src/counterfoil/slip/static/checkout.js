// What a page does beyond its plain form: groups digits, knows the card's scheme, finds slips before
// they are sent, and sends a form once. Everything works without it.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const digits = (text) => text.replace(/\D/g, "");

  const onward = document.querySelector("form[data-submit]");
  if (onward) onward.submit();

  const waiting = document.querySelector("[data-again]");
  if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.again));

  for (const time of document.querySelectorAll("time[data-at]")) {
    const at = new Date(Number(time.dataset.at));
    const sameDay = at.toDateString() === new Date().toDateString();
    const style = sameDay ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, style).format(at);
    time.dateTime = at.toISOString();
  }

  // In a shop's frame or window the outcome is handed over, and Escape is passed on.
  const around = [parent, opener].filter((each) => each && each !== self);
  const hand = (told) => around.forEach((each) => each.postMessage({ counterfoil: told }, "*"));
  const outcome = document.querySelector("[data-outcome]");
  if (outcome) hand(JSON.parse(outcome.dataset.outcome));
  addEventListener("keydown", (event) => { if (event.key === "Escape") hand({ closed: true }); });

  const form = byId("pay");
  if (!form) return;
  const texts = JSON.parse(form.dataset.texts);
  const checks = new Map();

  // What is wrong with an input, as a key of the texts; the server has the last word.
  for (const input of form.querySelectorAll("[pattern]")) {
    const right = new RegExp(`^(?:${input.pattern})$`);
    checks.set(input, () => (right.test(input.value.trim()) ? "" : input.name));
  }
  if (byId("pan")) card();
  const shown = (input) => input.getClientRects().length > 0;
  const judge = (input) => {
    const wrong = checks.get(input)();
    const place = byId(`${input.id}-fault`), text = wrong ? texts[wrong] : "";
    if (place.textContent !== text) place.textContent = text;
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    return !wrong;
  };
  for (const input of checks.keys()) {
    input.addEventListener("blur", () => { if (input.value) judge(input); });
    input.addEventListener("input", () => { if (input.hasAttribute("aria-invalid")) judge(input); });
  }

  // What 3-D Secure 2 asks of a browser.
  const about = {
    browser_color_depth: screen.colorDepth, browser_java_enabled: false, browser_language: navigator.language,
    browser_screen_height: screen.height, browser_screen_width: screen.width,
    browser_timezone: new Date().getTimezoneOffset(), window_height: innerHeight, window_width: innerWidth,
  };
  for (const [name, value] of Object.entries(about)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value: String(value) });
    form.append(input);
  }

  const button = form.querySelector(".pay"), label = button.firstElementChild, said = label.textContent;
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    if (event.submitter && event.submitter.name === "wallet") {
      sent = true;
      return;
    }
    const wrong = [...form.elements].filter((input) => checks.has(input) && shown(input) && !judge(input));
    if (wrong.length) {
      event.preventDefault();
      wrong[0].focus();
      return;
    }
    sent = true;
    button.setAttribute("aria-disabled", "true");
    label.textContent = texts.paying;
  });
  // Back from where the form led: a page that the browser kept is asked for anew.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
    sent = false;
    button.removeAttribute("aria-disabled");
    label.textContent = said;
  });

  // The inputs of a card: digits in groups, the card's scheme, and what is wrong with them.
  function card() {
    const ranges = form.dataset.ranges.split(" ").map((row) => /^(\d+)-(\d+):(.+)$/.exec(row).slice(1));
    const pan = byId("pan"), month = byId("expiration_month"), year = byId("expiration_year");
    const cvv = byId("cvv"), holder = byId("holder");
    const icons = [...document.querySelectorAll(".brand")];
    const start = icons.filter((icon) => !icon.hasAttribute("hidden"));

    // The scheme whose longest prefix fits; while fewer digits are typed than a prefix has, none.
    const brandOf = (number) => {
      let best = "", size = 0;
      for (const [first, last, brand] of ranges) {
        const head = number.slice(0, first.length);
        if (head.length === first.length && first <= head && head <= last && first.length > size) {
          best = brand;
          size = first.length;
        }
      }
      return best;
    };
    const grouped = (number, brand) =>
      brand === "amex" || brand === "diners"
        ? [number.slice(0, 4), number.slice(4, 10), number.slice(10)].filter(Boolean).join(" ")
        : (number.match(/.{1,4}/g) || []).join(" ");
    const luhn = (number) =>
      [...number].reverse().reduce((sum, each, place) => {
        const twice = Number(each) * (place % 2 ? 2 : 1);
        return sum + (twice > 9 ? twice - 9 : twice);
      }, 0) % 10 === 0;

    const showBrand = (brand) => {
      const icon = icons.find((each) => each.dataset.brand === brand);
      const other = icons.find((each) => each.dataset.brand === "card");
      const seen = brand ? [icon || other] : start;
      for (const each of icons) each.toggleAttribute("hidden", !seen.includes(each));
      pan.parentElement.classList.toggle("known", Boolean(brand));
      const said = byId("pan-brand"), name = icon ? icon.dataset.name : "";
      if (said.textContent !== name) said.textContent = name;
    };
    const onPan = () => {
      const before = digits(pan.value.slice(0, pan.selectionStart)).length;
      const number = digits(pan.value).slice(0, 19), brand = brandOf(number);
      const text = grouped(number, brand);
      if (text !== pan.value) {
        const atEnd = pan.selectionStart === pan.value.length;
        pan.value = text;
        let place = 0;
        for (let seen = 0; seen < before && place < text.length; place += 1) seen += text[place] !== " ";
        if (document.activeElement === pan) pan.setSelectionRange(atEnd ? text.length : place, atEnd ? text.length : place);
      }
      showBrand(brand);
    };

    const now = new Date();
    for (const [input, check] of [
      [pan, () => {
        const number = digits(pan.value);
        if (!number) return "pan";
        return number.length < 12 || !luhn(number) ? "pan_wrong" : "";
      }],
      [month, () => (/^(0?[1-9]|1[0-2])$/.test(month.value.trim()) ? "" : "month")],
      [year, () => {
        const text = year.value.trim();
        if (!/^(\d\d|\d{4})$/.test(text)) return "year";
        const last = new Date(Number(text.length === 2 ? `20${text}` : text), Number(month.value) || 12, 2);
        return last < now ? "expired" : "";
      }],
      [cvv, () => {
        if (!cvv.value.trim() && !cvv.hasAttribute("aria-required")) return "";
        return /^\d{3,4}$/.test(cvv.value.trim()) ? "" : "cvv";
      }],
      [holder, () => {
        const size = [...holder.value.trim()].length;
        if (!size && !holder.hasAttribute("aria-required")) return "";
        return size >= 2 && size <= 40 ? "" : "holder";
      }],
    ]) checks.set(input, check);
    pan.addEventListener("input", onPan);
    cvv.addEventListener("input", () => { if (/\D/.test(cvv.value)) cvv.value = digits(cvv.value); });
    // A date that is pasted or filled in whole, such as 12/30 or 1230, goes where it belongs.
    month.addEventListener("input", () => {
      const whole = /^\s*(\d{1,2})\s*[/.-]\s*(\d{2}|\d{4})\s*$/.exec(month.value) || /^(\d\d)(\d{2}|\d{4})$/.exec(month.value);
      if (whole) [, month.value, year.value] = whole;
    });
    onPan();
  }
})();
