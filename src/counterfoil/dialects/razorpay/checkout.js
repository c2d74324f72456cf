/* new Razorpay(options).open(): the hosted page in a frame, and what came of it handed to the shop. */
(function () {
  "use strict";
  var base = document.currentScript.src.replace(/\/v1\/checkout\.js.*$/, "");
  var FIELDS = ["key", "order_id", "amount", "currency", "name", "description", "image"];

  function field(form, name, value) {
    if (value === undefined || value === null || typeof value === "function") return;
    if (typeof value === "object") {
      Object.keys(value).forEach(function (key) { field(form, name + "[" + key + "]", value[key]); });
      return;
    }
    var input = document.createElement("input");
    input.type = "hidden";
    input.name = name;
    input.value = String(value);
    form.appendChild(input);
  }

  function send(address, fields, target) {
    var form = document.createElement("form");
    form.method = "post";
    form.action = address;
    form.target = target;
    Object.keys(fields).forEach(function (name) { field(form, name, fields[name]); });
    document.body.appendChild(form);
    form.submit();
    form.remove();
  }

  function Razorpay(options) {
    if (!options || !options.key) throw new Error("No key passed");
    this.options = options;
    this.listeners = {};
    this.hear = this.hear.bind(this);
  }

  Razorpay.prototype.on = function (name, listener) {
    (this.listeners[name] = this.listeners[name] || []).push(listener);
    return this;
  };

  Razorpay.prototype.emit = function (name, value) {
    (this.listeners[name] || []).forEach(function (listener) { listener(value); });
  };

  Razorpay.prototype.open = function () {
    var self = this;
    var cover = document.createElement("div");
    cover.className = "razorpay-container";
    cover.style.cssText = "position:fixed;inset:0;background:rgba(0,0,0,.6);z-index:2147483647";
    var close = document.createElement("button");
    close.type = "button";
    close.textContent = "\u00d7";
    close.setAttribute("aria-label", "Close");
    close.style.cssText = "position:absolute;top:1rem;right:1rem;font-size:1.5rem";
    close.addEventListener("click", function () { self.dismiss(); });
    var frame = document.createElement("iframe");
    frame.name = "razorpay-" + Math.random().toString(36).slice(2);
    frame.className = "razorpay-checkout-frame";
    frame.title = "Payment";
    frame.style.cssText =
      "position:absolute;inset:2rem 0;margin:auto;width:min(30rem,100%);height:calc(100% - 4rem);border:0;background:#fff";
    cover.appendChild(frame);
    cover.appendChild(close);
    document.body.appendChild(cover);
    this.cover = cover;
    this.frame = frame;
    window.addEventListener("message", this.hear);
    this.show();
  };

  Razorpay.prototype.show = function () {
    var options = this.options;
    var fields = { key_id: options.key, prefill: options.prefill, notes: options.notes };
    FIELDS.slice(1).forEach(function (name) { fields[name] = options[name]; });
    send(base + "/v1/checkout/embedded", fields, this.frame.name);
  };

  Razorpay.prototype.close = function () {
    window.removeEventListener("message", this.hear);
    if (this.cover) this.cover.remove();
    this.cover = null;
  };

  Razorpay.prototype.dismiss = function () {
    var modal = this.options.modal || {};
    this.close();
    if (modal.ondismiss) modal.ondismiss();
  };

  Razorpay.prototype.hear = function (message) {
    var told = message.data && message.data.counterfoil;
    if (!told || !this.frame || message.source !== this.frame.contentWindow) return;
    if (new URL(base).origin !== message.origin) return;
    if (told.razorpay_payment_id) this.succeeded(told);
    else this.failed(told);
  };

  Razorpay.prototype.succeeded = function (told) {
    this.close();
    this.emit("payment.success", told);
    if (this.options.callback_url) send(this.options.callback_url, told, "_top");
    else if (this.options.handler) this.options.handler(told);
  };

  Razorpay.prototype.failed = function (error) {
    this.emit("payment.failed", { error: error });
    if (!this.options.callback_url || !this.options.redirect) return this.show();
    var told = Object.assign({}, error, { metadata: JSON.stringify(error.metadata) });
    this.close();
    send(this.options.callback_url, { error: told }, "_top");
  };

  window.Razorpay = Razorpay;
})();
