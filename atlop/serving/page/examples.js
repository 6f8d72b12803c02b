// Example texts; every occurrence of a name is marked.

const EXAMPLES = [
  {
    title: "A band",
    text: "The Lanterns are an indie rock band from Glasgow, Scotland. Singer Mairi Kerr, born in Inverness in 1988, formed the group with drummer Tom Adeyemi. In 2012 The Lanterns released their first album, Harbour Lights, on Northlight Records. Kerr wrote most songs of Harbour Lights, and it won the band a Scottish Album of the Year Award.",
    entities: [
      ["ORG", "The Lanterns"], ["LOC", "Glasgow"], ["LOC", "Scotland"], ["PER", "Mairi Kerr", "Kerr"], ["LOC", "Inverness"], ["TIME", "1988"],
      ["PER", "Tom Adeyemi"], ["TIME", "2012"], ["MISC", "Harbour Lights"], ["ORG", "Northlight Records"], ["MISC", "Scottish Album of the Year Award"],
    ],
  },
  {
    title: "A river",
    text: "The Elbe rises in the Giant Mountains in the north of the Czech Republic. It flows through Bohemia, then through Dresden, the capital of Saxony, and Magdeburg, and reaches the North Sea below Hamburg. Dresden and Hamburg lie in Germany. The Vltava, which crosses Prague, is the longest tributary of the Elbe.",
    entities: [
      ["LOC", "Elbe", "It"], ["LOC", "Giant Mountains"], ["LOC", "Czech Republic"], ["LOC", "Bohemia"], ["LOC", "Dresden"], ["LOC", "Saxony"],
      ["LOC", "Magdeburg"], ["LOC", "North Sea"], ["LOC", "Hamburg"], ["LOC", "Germany"], ["LOC", "Vltava"], ["LOC", "Prague"],
    ],
  },
  {
    title: "A case report",
    text: "A 54-year-old man was given amiodarone for atrial fibrillation. After three weeks he had a cough, and interstitial pneumonitis was seen. Amiodarone was stopped; with prednisolone, the pneumonitis went. Amiodarone should be considered as a cause of pneumonitis.",
    entities: [
      ["Chemical", "amiodarone", "Amiodarone"], ["Disease", "atrial fibrillation"], ["Disease", "cough"],
      ["Disease", "interstitial pneumonitis", "pneumonitis"], ["Chemical", "prednisolone"],
    ],
  },
];

function loadExample({ text, entities }) {
  change(() => {
    state.text = text;
    const occupied = [];
    state.entities = entities.map(([type, ...names]) => ({
      type,
      mentions: names.flatMap(findOccurrences).filter((span) => {
        const isFree = occupied.every(({ start, end }) => span.end <= start || end <= span.start);
        if (isFree) occupied.push(span);
        return isFree;
      }),
    }));
  });
}
