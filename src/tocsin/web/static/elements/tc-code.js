import { copy, el, icon } from "../lib/dom.js";

/** Code with a button that copies it. Without script it is a plain `<pre>`. */
class TcCode extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("button")) return;
    const text = () => this.querySelector("pre")?.textContent ?? "";
    this.append(
      el("button", { class: "button small", type: "button", onclick: () => copy(text()) }, icon("copy"), "Copy"),
    );
  }
}

customElements.define("tc-code", TcCode);
