(() => {
  "use strict";
  const root = document.documentElement, $ = id => document.getElementById(id);
  const scroll = $("scroll"), nav = $("nav"), view = $("view"), cursor = $("cursor"), caption = $("caption");
  const curtain = $("curtain"), rows = [...document.querySelectorAll("tbody tr")], idle = caption.innerHTML;
  root.style.setProperty("--w", flowWidth);
  root.style.setProperty("--h", flowHeight);

  // Zoom. A short flow fills the width; a long one stays legible and scrolls.
  let zoom = 1;
  const fitting = () => scroll.clientWidth / flowWidth;
  function setZoom(z, atX) {
    const x = atX ?? scroll.clientWidth / 2, flowX = (scroll.scrollLeft + x) / zoom;
    zoom = Math.min(3, Math.max(.05, z));
    root.style.setProperty("--z", zoom);
    scroll.scrollLeft = flowX * zoom - x;
    showView();
  }
  function showView() {
    $("depths").style.transform = `translateY(${-scroll.scrollTop}px)`;
    const all = scroll.scrollWidth, seen = scroll.clientWidth;
    view.style.display = all > seen + 2 ? "block" : "none";
    view.style.left = 100 * scroll.scrollLeft / all + "%";
    view.style.width = 100 * seen / all + "%";
    $("overview").style.width = all > seen + 2 ? "100%" : flowWidth * zoom + "px";
  }
  const fit = fitting();
  setZoom(fit > .62 ? Math.min(fit, 1.35) : 1);
  scroll.scrollLeft = 0;
  scroll.addEventListener("scroll", showView);
  addEventListener("resize", showView);
  $("in").onclick = () => setZoom(zoom * 1.25);
  $("out").onclick = () => setZoom(zoom / 1.25);
  $("fit").onclick = () => setZoom(Math.min(fitting(), 1.6));
  scroll.addEventListener("wheel", e => {
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    setZoom(zoom * Math.exp(-e.deltaY / 300), e.clientX - scroll.getBoundingClientRect().left);
  }, { passive: false });

  // Drag the picture, or the window over the overview.
  function drag(el, down, move) {
    el.addEventListener("pointerdown", e => {
      if (e.button) return;
      const start = down(e);
      el.classList.add("drag");
      const go = ev => move(ev, start);
      const stop = () => { removeEventListener("pointermove", go); el.classList.remove("drag"); };
      addEventListener("pointermove", go);
      addEventListener("pointerup", stop, { once: true });
    });
  }
  drag(scroll, e => ({ x: e.clientX + scroll.scrollLeft, y: e.clientY + scroll.scrollTop }),
    (e, s) => { scroll.scrollLeft = s.x - e.clientX; scroll.scrollTop = s.y - e.clientY; });
  const jump = e => {
    const r = nav.getBoundingClientRect();
    scroll.scrollLeft = (e.clientX - r.left) / r.width * scroll.scrollWidth - scroll.clientWidth / 2;
  };
  drag(nav, jump, jump);

  // Pointing at an event marks it everywhere and says where it is in the source.
  let lit = [];
  function light(i) {
    for (const el of lit) el.classList.remove("on");
    lit = i < 0 ? [] : [...document.querySelectorAll(`.edge[data-e="${i}"], .seg[data-e="${i}"], tr[data-e="${i}"]`)];
    for (const el of lit) el.classList.add("on");
    cursor.style.display = i < 0 ? "none" : "block";
    if (i < 0) { caption.innerHTML = idle; return; }
    cursor.style.left = steps[i] / flowWidth * $("overview").getBoundingClientRect().width + "px";
    const d = rows[i].dataset, say = document.createElement("b"), at = document.createElement("span"), text = document.createElement("code");
    say.textContent = `${i + 1}/${rows.length}  ${d.say}`;
    at.className = "at"; at.textContent = d.where; text.textContent = d.text;
    caption.replaceChildren(say, at, text);
  }
  function show(i) {
    const el = document.querySelector(`.edge[data-e="${i}"]`);
    if (!el) return;
    const box = el.getBoundingClientRect(), frame = scroll.getBoundingClientRect();
    if (box.left < frame.left + 60 || box.right > frame.right - 160) scroll.scrollLeft += box.left - frame.left - frame.width / 2;
    if (box.top < frame.top || box.bottom > frame.bottom) scroll.scrollTop += box.top - frame.top - frame.height / 3;
  }
  let at = -1;
  addEventListener("mouseover", e => {
    const el = e.target.closest?.(".edge, .seg, tbody tr");
    if (el) light(+el.dataset.e); else if (at < 0) light(-1); else light(at);
  });
  addEventListener("click", e => {
    const row = e.target.closest?.("tbody tr");
    if (!row) return;
    scroll.scrollIntoView({ block: "nearest" });
    show(+row.dataset.e);
    light(+row.dataset.e);
  });

  // Stepping draws a curtain over what has not happened yet.
  function step(i) {
    at = Math.min(i, rows.length - 1);
    curtain.setAttribute("x", at < 0 || at === rows.length - 1 ? flowWidth : steps[at]);
    rows.forEach((r, n) => r.classList.toggle("later", at >= 0 && n > at));
    light(at);
    if (at >= 0) show(at);
    history.replaceState(null, "", at < 0 ? "#" : "#" + (at + 1)); // a link to a step opens at it
  }
  if (/^#\d+$/.test(location.hash)) step(+location.hash.slice(1) - 1);
  addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const act = {
      ArrowRight: () => step(at + 1), ArrowLeft: () => step(Math.max(at - 1, 0)), Home: () => step(0),
      End: () => step(rows.length - 1), Escape: () => step(-1), "+": () => setZoom(zoom * 1.25),
      "-": () => setZoom(zoom / 1.25), "0": () => $("fit").click(),
    }[e.key];
    if (act) { e.preventDefault(); act(); }
  });

  // The saved picture carries its style with it.
  $("save").onclick = () => {
    const copy = $("flow").cloneNode(true), style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    style.textContent = $("style").textContent;
    copy.prepend(style);
    copy.querySelector("#curtain").remove();
    copy.setAttribute("width", flowWidth); copy.setAttribute("height", flowHeight);
    copy.setAttribute("style", `background:${getComputedStyle(document.querySelector(".card")).backgroundColor}`);
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
    a.download = document.title.split(" ")[0] + ".svg";
    a.click();
    URL.revokeObjectURL(a.href);
  };
})();
