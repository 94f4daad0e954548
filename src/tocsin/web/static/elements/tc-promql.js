import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";

const LOOKBACK_MS = 3_600_000;

const look = EditorView.theme({
  "&": { fontSize: "13px", backgroundColor: "transparent", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { padding: "5px 4px", caretColor: "var(--ink)" },
  ".cm-placeholder": { color: "var(--dim)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "var(--chosen)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--chosen)", outline: "1px solid var(--line-strong)" },
  ".cm-tooltip": { border: "1px solid var(--line)", borderRadius: "6px", backgroundColor: "var(--raised)", boxShadow: "var(--float)", color: "var(--text)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12px", maxHeight: "18em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--chosen)", color: "var(--ink)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
  ".cm-completionDetail": { color: "var(--dim)", fontStyle: "normal", marginLeft: "1em" },
  ".cm-completionIcon": { opacity: "0.5" },
  ".cm-completionInfo": { padding: "6px 9px", maxWidth: "340px", fontSize: "12px", whiteSpace: "pre-wrap" },
  ".cm-diagnostic": { padding: "5px 9px", fontSize: "12px" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--critical)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--critical) 1px", textUnderlineOffset: "3px" },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--c5)", fontWeight: "600" },
  { tag: [tags.function(tags.variableName), tags.standard(tags.name)], color: "var(--c5)" },
  { tag: tags.operatorKeyword, color: "var(--c5)", fontWeight: "600" },
  { tag: tags.string, color: "var(--c3)" },
  { tag: [tags.number, tags.literal], color: "var(--c7)" },
  { tag: tags.labelName, color: "var(--dim)" },
  { tag: tags.comment, color: "var(--dim)", fontStyle: "italic" },
  { tag: tags.operator, color: "var(--dim)" },
  { tag: tags.modifier, color: "var(--c7)" },
  { tag: tags.invalid, color: "var(--critical-text)" },
]);

/**
 * The PromQL editor around a `<textarea>`: completion from our own API, marks where it is wrong.
 * Sends `run` on Enter and `edit` on each change. In a shadow root, because CodeMirror then adopts
 * its style sheets, which a strict Content-Security-Policy allows.
 */
export class TcPromql extends HTMLElement {
  connectedCallback() {
    if (this.view) return;
    const area = this.querySelector("textarea");
    const root = this.attachShadow({ mode: "open" });
    const slot = document.createElement("div");
    root.append(slot);
    // Variables of a dashboard are no PromQL until they are values, so only the answer can tell mistakes.
    const promql = new PromQLExtension().activateLinter(!this.hasAttribute("variables")).setComplete({
      remote: { url: "", lookbackInterval: LOOKBACK_MS, httpMethod: "GET", fetchFn: (input, init) => fetch(input, { ...init, credentials: "same-origin" }) },
    });
    this.view = new EditorView({
      root,
      parent: slot,
      state: EditorState.create({
        doc: area?.value ?? this.getAttribute("value") ?? "",
        extensions: [
          history(), closeBrackets(), bracketMatching(), autocompletion({ icons: false, maxRenderedOptions: 60 }), promql.asExtension(),
          syntaxHighlighting(colours), look, EditorView.lineWrapping, placeholder(this.getAttribute("placeholder") ?? "PromQL: rate(http_requests_total[5m])"),
          EditorView.contentAttributes.of({ "aria-label": this.getAttribute("label") ?? "PromQL query" }),
          Prec.high(keymap.of([
            { key: "Mod-Enter", run: () => this.send("run") },
          ])),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, { key: "Enter", run: () => this.send("run") }, { key: "Shift-Enter", run: (view) => { view.dispatch(view.state.replaceSelection("\n")); return true; } }, ...defaultKeymap, ...historyKeymap, ...lintKeymap]),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            if (area) area.value = this.value;
            this.send("edit");
          }),
        ],
      }),
    });
    if (area) area.hidden = true;
  }

  get value() {
    return this.view?.state.doc.toString() ?? this.querySelector("textarea")?.value ?? "";
  }

  set value(text) {
    this.view?.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  focus() {
    this.view?.focus();
  }

  /**
   * Show where the server found a mistake.
   * @param {number} from character
   * @param {number} to
   * @param {string} message
   */
  mark(from, to, message) {
    if (!this.view) return;
    const length = this.view.state.doc.length;
    const start = Math.max(0, Math.min(from, length - 1));
    const end = Math.max(start + 1, Math.min(to, length));
    this.view.dispatch(setDiagnostics(this.view.state, length ? [{ from: start, to: Math.min(end, length), severity: "error", message }] : []));
  }

  clear() {
    if (this.view) this.view.dispatch(setDiagnostics(this.view.state, []));
  }

  /** @param {string} name */
  send(name) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true }));
    return true;
  }
}

customElements.define("tc-promql", TcPromql);
