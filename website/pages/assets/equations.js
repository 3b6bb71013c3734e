for (const equation of document.querySelectorAll(".equation")) {
  katex.render(equation.textContent, equation, { displayMode: equation.matches("div"), throwOnError: false });
}
