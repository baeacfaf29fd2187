import "../src/style.css";
import { Editor } from "../src/page/editor.ts";
import { Panel } from "../src/views/panel.ts";
import { storeOf } from "./page-fixture.ts";

/** Names as nobody means well with. */
const HOSTILE = [
  "<script>window.hurt=1</script>",
  "</script><img src=x onerror=window.hurt=1>",
  "\"'`${window.hurt=1}",
  "\u202egnirts desrever",
  "zero\u200bwidth",
  "x".repeat(10_000),
  "",
  "same",
  "same",
  "javascript:window.hurt=1",
  "line\nbreak",
  "שלום abc",
];
const [N, GROUPS] = [480, 8];

// Leaves under eight groups under one root, all media of the first group's leaves with a file.
const parent = Array.from({ length: N + GROUPS + 1 }, (_, v) => (v < N ? N + (v % GROUPS) : v < N + GROUPS ? N + GROUPS : -1));
const canvas = document.createElement("canvas");
canvas.width = canvas.height = 8;
canvas.toBlob((picture) => {
  const files = Array.from({ length: N / GROUPS }, (_, at): [number, Blob] => [at * GROUPS, at === 1 ? new Blob(["<svg onload='hurt=1'>"], { type: "image/png" }) : (picture as Blob)]);
  const read: string[] = [];
  const store = storeOf(parent, N, {
    names: Array.from({ length: N }, (_, leaf) => HOSTILE[leaf % HOSTILE.length]),
    nodeNames: new Map(Array.from({ length: GROUPS }, (_, at) => [N + at, HOSTILE[at]])),
    typical: Int32Array.of(0, 8, 16, 24),
    columns: [
      { title: "<i>label</i>", kind: "category", values: HOSTILE, codes: Int32Array.from({ length: N }, (_, leaf) => (leaf % (HOSTILE.length + 1)) - 1) },
      { title: "weight", kind: "number", codes: Float32Array.from({ length: N }, (_, leaf) => (leaf % 5 === 0 ? NaN : leaf)) },
    ],
    images: new Map(files),
    sounds: new Map([[0, new Blob(["no sound"])]]),
    read: (id) => read.push(id),
  });
  const panel = new Panel(store, new Editor(store, null));
  document.body.append(panel.element);
  panel.element.style.cssText = "width: 340px; height: 800px";
  store.on((changed) => panel.update(changed));
  store.set({});
  Object.assign(window, { store, read });
});
