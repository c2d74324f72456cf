/* new Razorpay(options).open(): the hosted page in a dialog, and what came of it handed to the shop. */
(function () {
  "use strict";
  var base = document.currentScript.src.replace(/\/v1\/checkout\.js.*$/, "");
  var FIELDS = ["order_id", "amount", "currency", "name", "description", "image", "prefill", "notes"];

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

  function language(options) {
    var config = options.config || {}, display = config.display || {};
    return display.language;
  }

  function Razorpay(options) {
    if (!options || !options.key) throw new Error("No key passed");
    this.options = options;
    this.modal = options.modal || {};
    this.listeners = {};
    this.failures = 0;
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
    if (this.dialog) return;
    var self = this, modal = this.modal;
    var dialog = document.createElement("dialog");
    dialog.className = "razorpay-container";
    dialog.setAttribute("aria-label", "Payment");
    dialog.style.cssText = "position:fixed;inset:0;margin:auto;padding:0;border:0;border-radius:18px;overflow:hidden;" +
      "width:min(30rem,100vw);height:min(50rem,100dvh);max-width:none;max-height:none;background:#0b4a3e;box-shadow:0 0 0 100vmax rgba(0,0,0,.55)";
    var close = document.createElement("button");
    close.type = "button";
    close.textContent = "\u00d7";
    close.setAttribute("aria-label", "Close");
    close.style.cssText = "display:block;margin-inline-start:auto;width:3rem;height:2.75rem;" +
      "font-size:1.5rem;line-height:1;border:0;background:none;color:#fff;cursor:pointer";
    close.addEventListener("click", function () { self.dismiss(); });
    var frame = document.createElement("iframe");
    frame.name = "razorpay-" + Math.random().toString(36).slice(2);
    frame.className = "razorpay-checkout-frame";
    frame.title = "Payment";
    frame.allow = "payment";
    frame.style.cssText = "display:block;width:100%;height:calc(100% - 2.75rem);border:0";
    dialog.appendChild(close);
    dialog.appendChild(frame);
    dialog.addEventListener("cancel", function (event) {
      event.preventDefault();
      self.escaped();
    });
    dialog.addEventListener("click", function (event) {
      if (event.target === dialog && modal.backdropclose) self.dismiss();
    });
    document.body.appendChild(dialog);
    this.dialog = dialog;
    this.frame = frame;
    dialog.showModal();
    window.addEventListener("message", this.hear);
    if (this.options.timeout > 0) {
      this.timer = setTimeout(function () { self.dismissed(); }, this.options.timeout * 1000);
    }
    this.show();
  };

  Razorpay.prototype.show = function () {
    var options = this.options;
    var fields = { key_id: options.key, language: language(options) };
    FIELDS.forEach(function (name) { fields[name] = options[name]; });
    send(base + "/v1/checkout/embedded", fields, this.frame.name);
  };

  Razorpay.prototype.close = function () {
    window.removeEventListener("message", this.hear);
    clearTimeout(this.timer);
    if (this.dialog) {
      this.dialog.close();
      this.dialog.remove();
    }
    this.dialog = this.frame = null;
  };

  Razorpay.prototype.escaped = function () {
    if (this.modal.escape !== false) this.dismiss();
  };

  Razorpay.prototype.dismiss = function () {
    if (this.modal.confirm_close && !window.confirm("Cancel the payment?")) return;
    this.dismissed();
  };

  Razorpay.prototype.dismissed = function () {
    this.close();
    if (this.modal.ondismiss) this.modal.ondismiss();
  };

  Razorpay.prototype.hear = function (message) {
    var told = message.data && message.data.counterfoil;
    if (!told || !this.frame || message.source !== this.frame.contentWindow) return;
    if (new URL(base).origin !== message.origin) return;
    if (told.closed) this.escaped();
    else if (told.razorpay_payment_id) this.succeeded(told);
    else this.failed(told);
  };

  Razorpay.prototype.succeeded = function (told) {
    this.close();
    this.emit("payment.success", told);
    if (this.options.callback_url) send(this.options.callback_url, told, "_top");
    else if (this.options.handler) this.options.handler(told);
  };

  Razorpay.prototype.again = function () {
    var retry = this.options.retry, most = retry && retry.max_count;
    this.failures += 1;
    if (retry === false || (retry && retry.enabled === false)) return false;
    return !(most >= 0) || this.failures <= most;
  };

  Razorpay.prototype.failed = function (error) {
    this.emit("payment.failed", { error: error });
    if (this.options.callback_url && this.options.redirect) {
      var told = Object.assign({}, error, { metadata: JSON.stringify(error.metadata) });
      this.close();
      send(this.options.callback_url, { error: told }, "_top");
    } else if (this.again()) this.show();
    else this.dismissed();
  };

  window.Razorpay = Razorpay;
})();
