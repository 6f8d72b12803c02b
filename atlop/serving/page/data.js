// What the service says about itself.

const { examples: EXAMPLES, recognises: RECOGNISES } = JSON.parse(byId("data").textContent);
