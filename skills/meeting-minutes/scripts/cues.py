"""Words by which people decide, promise, ask and propose, in English, German, French and Spanish."""

from __future__ import annotations

import re

_FLAGS = re.IGNORECASE
DECISION = re.compile(
    r"\b(?:we(?:'ve| have)?(?: all| just| now| therefore)? (?:decided|agreed|settled|resolved|approved)|"
    r"(?:it(?:'s| is| was)|that(?:'s| is| was)) (?:decided|agreed|settled|approved|final|a deal)|"
    r"(?:so|ok|okay|right|then|alright|good)?,? ?(?:let'?s|we(?:'ll| will| are going to|'re going to)) (?:go|stick|"
    r"proceed|"
    r"settle|move forward|move ahead|stay) (?:with|for|on|to|ahead)|decision(?: is|:| made| taken)|the decision is|"
    r"agreed(?:[.:,!]|$| then| that)|approved(?:[.,!]|$)|motion (?:carried|passed)|we(?:'re| are) going (?:with|for)|"
    r"final(?:ly)? (?:answer|decision|choice)|(?:then|so) (?:it's|that's|we'll do|we do|we keep|we take|we drop)|"
    r"let'?s (?:do|keep|take|drop|cancel|postpone|move|make|use|set|fix|start|launch)\b(?! (?:it |that |this "
    r")?(?:later|see))|"
    r"we (?:choose|chose|pick|picked|select|selected|opt|opted)\b)"
    r"|\b(?:beschlossen|beschluss|entschieden|abgemacht|einigen wir uns|wir einigen uns|geeinigt|genehmigt|vereinbart|"
    r"einverstanden|dann (?:machen|nehmen|bleiben|streichen|verschieben|behalten|gilt)|wir (?:bleiben bei|nehmen|"
    r"entscheiden uns|legen fest|verschieben|streichen|verzichten)|festgelegt|steht fest|es bleibt (?:bei|dabei))\b"
    r"|\b(?:c'est décidé|on décide|nous décidons|(?:avons|a|est) (?:décidé|décidée|convenu|retenu|validé|approuvé)|"
    r"on part sur|"
    r"décision ?:|d'accord pour|on (?:garde|retient|valide|prend|annule|reporte)|c'est (?:validé|acté|entendu|"
    r"d'accord))"
    r"|\b(?:decidimos|hemos decidido|se decide|queda (?:decidido|aprobado|acordado)|acordamos|hemos acordado|"
    r"nos quedamos con|decisión ?:|aprobado|(?:entonces|pues) (?:hacemos|usamos|lo hacemos|vamos con)|vamos con|"
    r"optamos por)\b",
    _FLAGS,
)
NOT_DECIDED = re.compile(
    r"\b(?:not|n't|never|before we|until we|if we|whether|once we|need to|have to|should we|could we|can we|maybe|"
    r"perhaps|"
    r"what if|would have|haven't|yet to)\b.{0,40}\b(?:decid|agree|settl|approv|go with|choose|pick)|"
    r"\b(?:nicht|noch nicht|müssen|ob wir|wenn wir|vielleicht|könnten)\b.{0,40}\b(?:entsch|beschl|einig|nehmen|genehm)|"
    r"\b(?:pas encore|n'avons pas|faut|si on|peut-être|il reste à)\b.{0,40}\b(?:décid|valid|retenu|part sur)|"
    r"\b(?:no hemos|todavía no|aún no|hay que|si |quizás|tal vez)\b.{0,40}\b(?:decid|acord|aprob)",
    _FLAGS,
)
REVERSAL = re.compile(
    r"\b(?:scrap that|scratch that|take that back|changed? (?:my|our) minds?|on second thought|actually,? (?:no|"
    r"let'?s not)|"
    r"forget that|instead of that|doch nicht|nehme das zurück|andersherum|finalement non|on revient|mejor no|me "
    r"retracto)\b",
    _FLAGS,
)
PROMISE = re.compile(
    r"\b(?:i(?:'ll| will| can| could|'m going to| am going to| shall)(?: also| then| just| gladly| happily| "
    r"definitely)? "
    r"(?!be (?:honest|brief|quick|back|out|away|late|there|frank)|say\b|add\b|start\b|begin\b|go first|share my|just "
    r"say|"
    r"see\b|hear\b|imagine|understand|tell you|live with|not\b|never\b|think about|mention|remember|admit|agree|"
    r"leave now|"
    r"open the meeting|jump|join)[a-z]|i(?:'m| am) on it|leave it (?:to|with) me|i'll take (?:it|that|this|care)|i "
    r"take (?:it|"
    r"that|this)|let me (?:check|find out|look into|draft|prepare|write|send|ask|talk|handle|take care|follow up|set "
    r"up))"
    r"|\b(?:ich (?:kümmere|übernehme|schicke|schreibe|mache|erstelle|prüfe|kläre|frage|rufe|bereite|organisiere|sende|"
    r"bestelle|buche|melde|liefere|werde|besorge|stelle|hole|teste|spreche)\b(?! (?:mir|gerade|mal auf)\b)|mache ich|"
    r"übernehme ich|erledige ich|kläre ich|das mach ich|schicke ich|prüfe ich|kümmere ich mich)"
    r"|\b(?:je (?:m'en occupe|m'occupe|me charge|vais (?!dire|commencer|être)|prépare|t'envoie|vous envoie|envoie|"
    r"prends|"
    r"rédige|vérifie|contacte|réserve|relance|fais|appelle)|j'(?:envoie|appelle|organise|écris|enverrai|appellerai|"
    r"essaierai|irai))"
    r"|\b(?:yo (?:me encargo|lo hago|me ocupo)|me (?:encargo|ocupo)|(?:yo )?(?:enviaré|prepararé|mandaré|llamaré|"
    r"revisaré|"
    r"escribiré|haré|hablaré|buscaré|reservaré|organizaré)|voy a (?!decir|empezar|ser)|lo (?:preparo|envío|hago|"
    r"reviso))",
    _FLAGS,
)
NO_PROMISE = re.compile(
    r"\bi (?:won't|will not|can't|cannot)\b|\bi (?:could|can) (?:see|imagine|live|understand|hear|tell|only)\b|"
    r"\bich (?:kann|werde|schaffe) (?:das |es )?(?:leider )?nicht\b|\bich (?:werde|mache|stelle) (?:mir|fest)\b|"
    r"\bje ne (?:peux|vais)\b|\bno (?:puedo|voy a)\b",
    _FLAGS,
)
REQUEST = re.compile(
    r"\b(?:can|could|will|would) you(?: please| also| then)?\s+(?!hear|see|repeat|say|explain what|imagine|like\b|be\b|"
    r"know|remember|agree|make it|come\b|have\b|need|live with|manage without|want|prefer|think|tell "
    r"(?:me|us)|"
    r"remind (?:me|us))[a-z]|\bplease\s+(?!note|let me|go ahead|bear)[a-z]+|\byou(?:'ll| will| need to| should)\s+"
    r"(?!see|find|notice|be\b|have to understand)[a-z]"
    r"|\b(?:kannst|könntest|können|könnten|würdest|würden) (?:du|sie)\b(?!.{0,12}\b(?:hören|sehen|wiederholen)\b)|"
    r"\b(?:schickst|machst|übernimmst|prüfst|klärst|kümmerst) du\b|\bbitte\b.{3,}"
    r"|\b(?:peux|pourrais|veux)[- ]tu\b|\b(?:pouvez|pourriez)[- ]vous\b|\btu (?:peux|t'en occupes|prends)\b|"
    r"\bmerci de\s+\w+er\b"
    r"|(?:^|[¿\s,])(?:puedes|podrías|puede|podría|te encargas|podéis)\b|\bpor favor\b.{3,}",
    _FLAGS,
)
TASK_MARK = re.compile(
    r"^\W*(?:action(?: item)?s?|to-?do|task|next step|follow-?up|aufgabe|nächster schritt|tâche|à faire|prochaine "
    r"étape|"
    r"tarea|acción|pendiente|próximo paso)\s*[:–-]\s*(?P<task>.+)$",
    _FLAGS,
)
THIRD = (
    r"(?:will|'ll|is going to|should|needs to|has to|must|takes? care of|takes? over|to (?=[a-z]+\b))|"
    r"(?:wird|soll|übernimmt|kümmert sich|macht|prüft|klärt|schickt|schreibt|erstellt|organisiert|bestellt)|"
    r"(?:va|doit|s'en occupe|s'occupe|se charge|prend|prépare|envoie|contacte)|"
    r"(?:va a|debe|se encarga|se ocupa|tiene que|prepara|envía|enviará|preparará)"
)
CONSENT = re.compile(
    r"^\W*(?:yes|yeah|yep|sure|ok|okay|of course|absolutely|will do|certainly|no problem|gladly|happy to|on it|i can|"
    r"i'll|i will|ja|klar|gerne|mache ich|mach ich|natürlich|in ordnung|oui|d'accord|bien sûr|volontiers|entendu|"
    r"sí|si|claro|vale|por supuesto|de acuerdo)\b",
    _FLAGS,
)
REFUSAL = re.compile(
    r"^\W*(?:(?:sorry|no|nope|unfortunately)\b.{0,40}\b(?:can't|cannot|won't|not|away|holiday|busy)|"
    r"(?:nein|leider)\b.{0,40}\bnicht|(?:non|désolée?)\b.{0,40}\bpas|no,? (?:puedo|lo siento))",
    _FLAGS,
)
OPEN = re.compile(
    r"\b(?:open (?:question|point|issue)|still (?:open|unclear|need to|have to|don't know|to be)|not (?:clear|sure) "
    r"(?:yet|who|"
    r"what|when|how|if|whether)|unclear|to be (?:decided|confirmed|clarified|determined)|tbd|tbc|parking lot|park "
    r"(?:that|"
    r"this|it)|we don't know|nobody knows|come back to (?:that|this|it)|unresolved|needs? clarif\w+|haven't (?:decided|"
    r"agreed)|postpone the decision|leave (?:that|this|it) open)\b"
    r"|\b(?:offene (?:frage|punkt)\w*|noch (?:offen|unklar|nicht (?:klar|entschieden|geklärt))|ungeklärt|zu klären|"
    r"wissen wir (?:noch )?nicht|müssen wir (?:noch )?klären|bleibt offen|vertagen)\b"
    r"|\b(?:question ouverte|reste à|à (?:voir|définir|clarifier|confirmer)|on ne sait pas|pas encore (?:décidé|clair)|"
    r"en suspens)\b"
    r"|\b(?:pregunta abierta|queda (?:por|pendiente)|por (?:definir|confirmar|aclarar)|no sabemos|todavía no (?:está|"
    r"sabemos)|"
    r"sin resolver|aún no)\b",
    _FLAGS,
)
NO_ANSWER = re.compile(
    r"\b(?:no idea|(?:i )?don't know|not sure|good question|we'?ll see|hard to say|can't say|depends|nobody knows|"
    r"let'?s park|"
    r"come back to|need to check|keine ahnung|weiß (?:ich|nicht|es nicht)|gute frage|mal sehen|schwer zu sagen|muss "
    r"ich prüfen|"
    r"aucune idée|je ne sais pas|sais pas|bonne question|on verra|ni idea|no (?:lo )?sé|buena pregunta|ya veremos|"
    r"depende)\b",
    _FLAGS,
)
IDEA = re.compile(
    r"\b(?:what if|how about|what about (?=[a-z]+ing)|we could|i (?:have|had) an idea|(?:one|an|another|my) idea|"
    r"maybe we (?:should|"
    r"can|could)|perhaps we|i(?:'d| would) (?:suggest|propose)|i (?:suggest|propose)|my suggestion|why (?:don't|not) "
    r"we|"
    r"it would be (?:nice|great|good) (?:to|if)|wouldn't it be|could we (?=also|try))\b"
    r"|\b(?:wie wäre es|was wäre|wir könnten|man könnte|idee|vorschlag|ich schlage|schlage vor|vielleicht (?:sollten|"
    r"können|"
    r"könnten) wir|es wäre (?:gut|schön|toll))\b"
    r"|\b(?:et si (?:on|nous)|on pourrait|nous pourrions|(?:j'ai )?une idée|je propose|je suggère|pourquoi pas|ce "
    r"serait bien)\b"
    r"|\b(?:qué tal si|podríamos|y si|se me ocurre|una idea|propongo|sugiero|por qué no|estaría bien)\b",
    _FLAGS,
)
_DAYS = (
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|montag|dienstag|mittwoch|donnerstag|freitag|samstag|"
    r"sonntag|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
)
_MONTHS = (
    r"january|february|march|april|may|june|july|august|september|october|november|december|januar|februar|märz|mai|"
    r"juni|juli|"
    r"oktober|dezember|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre|enero|"
    r"febrero|marzo|"
    r"abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_DAY = (
    rf"(?:(?:next|this|coming|the|end of|nächste[nrs]?|kommende[nrs]?|diese[nrs]?|ende|le|la|el|fin|près|próximo|"
    rf"este|final)\s+"
    rf"(?:of |de |du |der |des |del |la |the |next |this |nächste[nr]? |week'?s? )*)*"
    rf"(?:{_DAYS}|(?:the )?\d{{1,2}}(?:st|nd|rd|th|\.)?\s*(?:of\s+|de\s+)?(?:{_MONTHS})|"
    rf"(?:{_MONTHS})(?:\s+\d{{1,2}}(?:st|nd|rd|th)?)?"
    r"|\d{1,2}[./]\d{1,2}\.?(?:\d{2,4})?|\d{4}-\d{2}-\d{2}|the \d{1,2}(?:st|nd|rd|th)|"
    r"week(?:end)?|month|quarter|year|woche|monats?|quartals?|jahres?|semaine|mois|trimestre|année|semana|mes|año|"
    r"tomorrow|tonight|today|noon|morgen|übermorgen|heute|demain|aujourd'hui|ce soir|mañana|hoy|"
    r"(?:the )?(?:next|following) (?:meeting|call|session|week|month|sprint)|nächsten (?:treffen|sitzung|termin|mal)|"
    r"prochaine (?:réunion|séance|semaine)|próxima (?:reunión|semana)|semaine prochaine|mois prochain|lunch(?:time)?|"
    r"eod|eow)"
    rf"(?:\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th|\.)?(?:\s*(?:of\s+)?(?:{_MONTHS}))?)?(?:\s+(?:morning|afternoon|"
    rf"evening|noon|"
    r"früh|mittag|abend|vormittag|nachmittag|matin|soir|midi|prochaine?|"
    r"próxim[oa]))?(?:\s+at\s+\d{1,2}(?::\d{2})?\s*(?:am|pm)?)?"
)
DUE = re.compile(
    rf"\b(?P<due>(?:by|before|until|till|no later than|due|on|bis|vor|spätestens|am|d'ici|avant|pour|jusqu'à|para|"
    rf"antes de|hasta)"
    rf"\s+(?:the\s+|the end of\s+|end of\s+|zum\s+|zur\s+|spätestens\s+|à\s+|le\s+|la\s+|el\s+|del?\s+|au\s+)*{_DAY}"
    rf"|(?:tomorrow|tonight|today|next (?:week|month|{_DAYS})|this (?:week|afternoon|{_DAYS})|end of (?:the "
    rf")?(?:week|month|day)|"
    rf"in (?:\d+|a|one|two|three) (?:days?|weeks?|hours?|months?)|within (?:\d+|a|one|two|three) (?:days?|weeks?)|"
    rf"morgen|übermorgen|heute|nächste (?:woche|sitzung)|diese woche|(?:am )?(?:montag|dienstag|mittwoch|donnerstag|"
    rf"freitag)|"
    rf"demain|aujourd'hui|cette semaine|la semaine prochaine|mañana|hoy|esta semana|la próxima semana)"
    rf"(?:\s+(?:morning|afternoon|evening|früh|mittag|matin|soir|por la (?:mañana|tarde)))?)\b",
    _FLAGS,
)
WHEN = re.compile(rf"(?:\b{_DAY}\b|\b\d{{1,2}}(?::\d\d| ?(?:am|pm|uhr|h)\b))", _FLAGS)
WHEN_QUESTION = re.compile(
    r"\b(?:by when|until when|when (?:can|could|will|do|would|is)|what(?:'s| is) the deadline|bis wann|wann (?:kann|"
    r"kannst|"
    r"schaffst|ist)|pour quand|quand|c'est pour quand|para cuándo|cuándo)\b",
    _FLAGS,
)
FIGURE = re.compile(
    r"(?P<figure>(?:[€$£]\s?\d[\d.,'\u202f\u00a0 ]*\d|[€$£]\s?\d)(?:\s?(?:k|m|bn|million\w*|thousand|billion\w*|"
    r"mio\.?|mrd\.?))?"
    r"|\d[\d.,'\u202f\u00a0]*\s?(?:%|percent|per cent|prozent|pour cent|por ciento|€|\$|£|euros?|dollars?|pounds?|"
    r"francs?|pesos?|"
    r"(?:k|m|bn)\b|million\w*|thousand|billion\w*|tausend|millionen|mio\.?|mrd\.?|mille|millones|mil\b)"
    r"(?:\s?(?:€|\$|£|euros?|dollars?|pounds?|francs?|pesos?))?"
    r"|\d[\d.,'\u202f\u00a0]*\s(?!(?:am|pm|uhr|o'clock|h|january|february|march|april|may|june|july|"
    r"august)\b)[^\W\d_]{3,}"
    r"|\b\d{3,}(?:[.,]\d+)?\b)",
    _FLAGS,
)
FILLER = re.compile(
    r"^(?:(?:(?:uh+|erm|hm+|äh+m?|öhm?|euh+|eh+)\b[,.…]*\s+)|(?:well|so|okay|ok|right|and|but|yeah|"
    r"you know|also|naja|tja|ja|und|bon|ben|alors|este|bueno|pues|um+)\b[,.…]+\s+)+",
    _FLAGS,
)
HEDGE = re.compile(r"\b(?:um+(?=[,…])|uh+|erm|äh+m?|ähm|euh+)\b[,…]*\s*", _FLAGS)
REFUSES = re.compile(
    r"\b(?:i(?:'m| am) not (?:going to|doing|able)|i (?:won't|will not|can't|cannot|refuse|don't want to)|not me\b|"
    r"(?:someone|somebody|anyone) else (?:should|must|can|has to|needs to|will)|"
    r"ich (?:mache|kann|will|werde) (?:das |es )?nicht|(?:jemand|wer) anders (?:soll|muss|kann)|"
    r"je ne (?:peux|veux|vais) pas|quelqu'un d'autre (?:doit|peut|devrait)|"
    r"no (?:puedo|voy a|quiero)|(?:otra persona|otro|alguien más) (?:debe|debería|puede|tiene))\b",
    _FLAGS,
)
NEXT_MEETING = re.compile(
    r"\b(?:(?:the |our )?next (?:meeting|call|session|sync|review|one)(?: is| will be| takes place)?(?: on| at| in|:)|"
    r"(?:we(?:'ll| will)?|let's) (?:meet|see each other|talk|reconvene|gather) (?:again )?(?:on|at|in|next|same)|"
    r"(?:die |unsere )?nächste (?:sitzung|besprechung|runde)(?: ist| findet)?|(?:das |unser )?nächste[sr]? (?:treffen|"
    r"termin|meeting)(?: ist| findet)?|wir (?:treffen|sehen) uns (?:wieder )?(?:am|um|nächste)|"
    r"(?:la )?prochaine (?:réunion|séance)|on se (?:revoit|retrouve|voit)|nous nous (?:revoyons|retrouvons)|"
    r"(?:la )?próxima (?:reunión|sesión)|nos (?:vemos|reunimos) (?:de nuevo )?(?:el|en|la))(?!\w)",
    _FLAGS,
)
_DOES = (
    r"visits|sends|writes|calls|checks|prepares|books|orders|drafts|asks|updates|organi[sz]es|arranges|tests|reviews|"
    r"contacts|fixes|brings|buys|collects|delivers|handles|informs|invites|finishes|collates|measures|repairs|cleans|"
    r"besucht|ruft|bringt|kauft|fragt|bereitet|testet|liefert|holt|informiert|meldet|besorgt|"
    r"visite|écrit|appelle|vérifie|achète|apporte|réserve|commande|rédige|organise|demande|"
    r"visita|escribe|llama|revisa|compra|trae|reserva|pide|redacta|pregunta"
)
_NOBODY = (
    r"he|she|it|this|that|who|everyone|everybody|nobody|somebody|someone|nothing|which|what|there|here|er|sie|es|das|"
    r"wer|niemand|jemand|il|elle|on|qui|ça|él|ella|quien|nadie|alguien|then|also|today|when|if|as|and|so"
)
TAKES_ON = re.compile(
    r"^(?:(?i:so|ok|okay|then|and|agreed|also|dann|also|und|donc|et|entonces|y)[,:.]?\s+)*"
    rf"(?P<name>(?!(?i:{_NOBODY})\b)[A-ZÀ-ÖØ-Þ][^\W\d_]+(?: [A-ZÀ-ÖØ-Þ][^\W\d_]+)?)\s+(?:{_DOES})\s+\S"
)
"""`Dave visits the site by Friday`: what someone does is a task when it is said as what comes next."""
HABIT = re.compile(
    r"\b(?:always|usually|often|never|every (?:day|week|month|year)|sometimes|normally|yesterday|"
    r"immer|meistens|oft|nie|"
    r"jede[nrs]? (?:tag|woche|monat)|toujours|souvent|jamais|chaque|siempre|nunca|cada)\b",
    _FLAGS,
)
