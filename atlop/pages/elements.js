"use strict";
// Elements are made here, and all text is set as text: nothing from the data is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Return the one element with this id. */
const byId = (id) => document.getElementById(id);

/** Make an element: attributes (functions are listeners, false leaves one out), then children, strings as text. */
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of SVG. */
function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A name in its own reading direction. */
const named = (text) => element("bdi", {}, text);

const percent = (share) => (100 * share).toFixed(2);
const signed = (share) => (share < 0 ? "−" : "+") + percent(Math.abs(share));
const counted = (count) => count.toLocaleString("en");
const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const shortened = (text, most) => {
  const characters = [...text];
  return characters.length > most ? characters.slice(0, most - 1).join("") + "…" : text;
};
