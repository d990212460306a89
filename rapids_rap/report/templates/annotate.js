"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const form = JSON.parse(by("data").textContent);
  const place = `rapids-rap ${form.form} ${form.coder}`;
  const known = new Map(form.items.map((item) => [item.id, item]));
  let answers = {};
  let at = 0;

  const valid = (given) =>
    Object.fromEntries(
      Object.entries(given ?? {}).filter(([id, value]) =>
        known.get(id)?.options.some(([option]) => option === value)));

  const keep = () => {
    try {
      localStorage.setItem(place, JSON.stringify(answers));
    } catch {
      by("said").textContent =
        "此浏览器不保存答案，请常存为文件。This browser keeps nothing: save to a file often.";
    }
  };
  try {
    answers = valid(JSON.parse(localStorage.getItem(place) ?? "{}"));
  } catch {
    answers = {};
  }

  const span = (text, name) => {
    const part = document.createElement("span");
    part.textContent = text;
    if (name) part.className = name;
    return part;
  };

  const answer = (value) => {
    const item = form.items[at];
    answers[item.id] = value;
    keep();
    if (at + 1 < form.items.length) at += 1;
    draw();
  };

  const draw = () => {
    const item = form.items[at];
    const done = form.items.filter((one) => answers[one.id] !== undefined).length;
    by("count").textContent = `${done} / ${form.items.length}`;
    by("progress").max = form.items.length;
    by("progress").value = done;
    by("number").textContent = `${at + 1} / ${form.items.length}`;
    const [chinese, english] = form.questions[item.task];
    by("question").replaceChildren(span(chinese), span(english, "en"));
    by("line").textContent = item.line;
    by("line").hidden = !item.line;
    const numbered = item.task === "intruder";
    by("group").className = numbered ? "numbered" : "";
    by("group").replaceChildren(
      ...item.group.map((text) => {
        const row = document.createElement("li");
        row.textContent = text;
        return row;
      }));
    by("options").replaceChildren(
      ...item.options.map(([value, name], place) => {
        const button = document.createElement("button");
        button.type = "button";
        button.setAttribute("role", "radio");
        button.setAttribute("aria-checked", String(answers[item.id] === value));
        button.dataset.value = value;
        button.append(span(String(place + 1), "key"), span(numbered ? `第 ${name} 行 line ${name}` : name));
        button.addEventListener("click", () => answer(value));
        return button;
      }));
    by("back").disabled = at === 0;
    by("next").disabled = at + 1 === form.items.length;
    by("clear").disabled = answers[item.id] === undefined;
  };

  const turn = (step) => {
    at = Math.min(Math.max(at + step, 0), form.items.length - 1);
    draw();
  };
  by("back").addEventListener("click", () => turn(-1));
  by("next").addEventListener("click", () => turn(1));
  by("clear").addEventListener("click", () => {
    delete answers[form.items[at].id];
    keep();
    draw();
  });
  by("open").addEventListener("click", () => {
    const open = form.items.findIndex((item) => answers[item.id] === undefined);
    if (open >= 0) at = open;
    by("said").textContent = open < 0 ? "全部答完，请保存文件。All answered: save the file." : "";
    draw();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const options = form.items[at].options;
    if (event.key === "ArrowLeft") turn(-1);
    else if (event.key === "ArrowRight") turn(1);
    else if (/^[1-9]$/.test(event.key) && options[Number(event.key) - 1]) {
      answer(options[Number(event.key) - 1][0]);
    }
  });
  by("save").addEventListener("click", () => {
    const saved = {
      rapids_rap_form: form.version,
      form: form.form,
      coder: form.coder,
      saved: new Date().toISOString(),
      answers,
    };
    const link = document.createElement("a");
    const text = JSON.stringify(saved, null, 1);
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `answers-${form.coder}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    by("said").textContent = `已保存 Saved: answers-${form.coder}.json`;
  });
  by("load").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    let found;
    try {
      found = JSON.parse(await file.text());
    } catch {
      found = null;
    }
    if (found?.form !== form.form || found?.coder !== form.coder) {
      by("said").textContent =
        "这不是此表此人的答案。These are not answers to this form by this coder.";
      return;
    }
    answers = { ...answers, ...valid(found.answers) };
    keep();
    by("said").textContent = `已载入 Loaded: ${file.name}`;
    by("open").click();
  });
  draw();
})();
