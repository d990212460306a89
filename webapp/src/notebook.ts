/** The front end of `rapids_rap/view/notebook.py`, an anywidget: the page in a frame of its own. */
import { Message } from "./frame";

interface Model {
  get(name: "picked"): DataView | null;
  get(name: "height"): number;
  set(name: "picked", value: DataView): void;
  save_changes(): void;
  send(content: unknown): void;
  on(name: string, callback: (...values: never[]) => void): void;
  off(name: string, callback: (...values: never[]) => void): void;
}

const WAITING = "Waiting for the map; without a kernel, run this cell again. 正在等待地图；没有内核时请重新运行此单元格。";

/** Shows the map; the function that is returned takes it away again. */
function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const frame = document.createElement("iframe");
  frame.title = "rapids-rap";
  // Of no origin: whatever a lyric might do, it can't reach the notebook. Its one form, the search,
  // is sent nowhere: the page's own policy forbids it.
  frame.setAttribute("sandbox", "allow-scripts allow-forms allow-downloads");
  frame.style.cssText = "display:block;width:100%;border:0";
  const note = document.createElement("p");
  note.textContent = WAITING;
  el.append(note);

  let address = "";
  let ready = false;
  let told: DataView | null = null;

  const tell = (): void => {
    const now = model.get("picked");
    if (!ready || now === told) return;
    const held = now ?? new DataView(new ArrayBuffer(0));
    // A copy: what is sent to a frame of another origin is taken apart there.
    const bits = new Uint8Array(held.buffer, held.byteOffset, held.byteLength).slice();
    frame.contentWindow?.postMessage({ rapidsRap: "picked", bits } satisfies Message, "*");
  };
  const resize = (): void => {
    frame.style.height = `${model.get("height")}px`;
  };
  const heard = (event: MessageEvent<Partial<Message>>): void => {
    const { rapidsRap, bits } = event.data ?? {};
    if (event.source !== frame.contentWindow) return;
    if (rapidsRap === "ready") {
      ready = true;
      tell();
    } else if (rapidsRap === "picked" && bits instanceof Uint8Array) {
      told = new DataView(bits.buffer, bits.byteOffset, bits.byteLength);
      model.set("picked", told);
      model.save_changes();
    }
  };
  const arrived = (content: { kind?: string }, buffers: (DataView | ArrayBuffer)[]): void => {
    if (content?.kind !== "page" || address || !buffers?.length) return;
    address = URL.createObjectURL(new Blob([buffers[0] as BlobPart], { type: "text/html" }));
    frame.src = address;
    note.replaceWith(frame);
  };

  resize();
  window.addEventListener("message", heard);
  model.on("msg:custom", arrived);
  model.on("change:picked", tell);
  model.on("change:height", resize);
  model.send({ kind: "page" });
  return () => {
    window.removeEventListener("message", heard);
    model.off("msg:custom", arrived);
    model.off("change:picked", tell);
    model.off("change:height", resize);
    URL.revokeObjectURL(address);
    el.replaceChildren();
  };
}

export default { render };
