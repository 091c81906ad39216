"""Words that a paraphrase may bring along without saying anything new."""

from app.core.languages.words import stem

CACHED_TEXTS = 64
"""Texts that each rule keeps analysed: the passages of the answers in progress. One takes up to 300 KB."""


def listed(words: str) -> list[str]:
    return words.split()


_PLAIN = """
able about above accept access according account accordingly achieve across act active actual add addition
additional advance affect afterwards again against age ago agree ahead aim allow almost alone along already also
although altogether always among amount another answer any anybody anymore anyone anything anywhere appear apply
approximately area around arrive ask aside attach automatic available away back base basic because become before
beforehand begin behalf belong below beneath best better beyond bring build but buy by call cannot capable care
carry case cause certain change charge choose close collect come common complete concern condition connection
consist contain continue contrast copy correct correspond cost count course cover create current customer daily date
deal decide definite depend describe detail determine different direct directly document done double due duration
during each early earn easy effect either else elsewhere employee enable end enough ensure enter entire entitle
equal equip especially essential establish etc even event ever every everybody everyone everything everywhere exact
exactly example exceed except exclude exclusive exist expect explain express extend extra fact fail fairly far fast
few fewer figure final find finish first fit fix follow following forbid form former forward found free frequent
full further furthermore gain general generally get give go goes gone good great group grow guest had hand handle
happen hard help hence here high hold however human if immediate important impossible include including increase
indeed individual inform information initial inside instead intend involve issue item itself just keep kind know
large last late later latest latter lead least leave less let level lie like likewise limit list little live locate
long longer look low made main mainly make man manage mandatory many matter maximum may mean means measure meet
member mention mere method minimum moment more moreover most move much must name namely near nearly necessary need
neither never nevertheless new next nobody none nor normal note nothing notice now number oblige obtain obvious
occur offer often old once one only onto open operate optional order ordinary original other otherwise outside own
paid part particular pass pay people per percent perform period permit person piece place plan please plus point
possible precise present prevent previous prior probable proceed process produce prohibit proper provide purpose put
quarter quick quite rather reach ready real really reason receive recent refer regard regardless relate relevant
remain remove repeat replace require respective responsible rest restrict result return right rise roughly rule run
said same say second see seem select separate serve set several shall short should show similar simple simply since
single situation small so soon special specific specify spend stand start state statement stay step still stop such
suffice sufficient suitable sum supply support sure take tell term than therefore thing though through throughout
thus time together too total toward treat true turn twice type under understand unless until up upon use useful user
usual valid various very via want way well whatever when whenever where whereas wherever whether while whole whoever
will within without work worth year yes yet allowed behind bit both choice compulsory content couple equals excluded
exempt extent fully fulfil given half hour immediately its largely lasts maximal minimal monthly mostly nearby
normally obligatory obliged partly permanently permission permitted prohibited quickly rarely regularly repeatedly
respectively retain seldom shortly solely somebody someone something sometimes somewhere subsequently temporary
thereafter these those unable unlike usually varied weekly whose yearly advise apart assume attempt aware brief
broad clear consider contact control convert cut damage deliver demand design desire detect develop discover display
drop duty emerge employ encounter fall fill gather grant guarantee identify indicate intention join lack lay leader
loan lose lower maintain mark miss obligation occasion opt option originate overall owe precede prefer prepare
preserve proof propose protect prove quantity question raise range rate recommend record reduce refuse regarding
regulation report request reside respond role save section send shut side size sort speak split store submit succeed
suggest switch task touch transfer travel try undergo undertake unit view visit wait warn watch wish word write gave
kept told took taken went came began begun ran held left lost sent stood thought understood brought bought built
caught felt got gotten heard knew known grew grown led lent meant met read rose risen saw seen shown sold spent
spoke spoken chose chosen driven drove fell fallen wrote written worn won became earlier sooner easier shorter
higher smaller larger greater lesser fourth fifth sixth handbook documentation passage text guide manual page
paragraph policy notes young younger older elder woman chance possibility worry succession row consecutive term
deadline date decade fortnight amount load weight height length width depth speed temperature price duration
distance volume value level quantity myself yourself himself herself ourselves yourselves themselves
"""
_FIGURES = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen half quarter third
fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth
eighteenth nineteenth twentieth once twice percent second minute hour day week month year newton january february march
april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday
spring summer autumn winter noon midnight st nd rd th morning afternoon evening night past
"""
PLAIN: frozenset[str] = frozenset(stem(word) for word in (_PLAIN + _FIGURES).split())
"""By their stems. Words for figures and dates are here because they are compared as such."""
FIGURES: frozenset[str] = frozenset(map(stem, listed(_FIGURES)))

_ALIKE = """
abroad foreign overseas | buy purchase acquire | begin start commence launch | end finish stop cease expire lapse
terminate | delete erase remove | help aid assist support | error fault failure defect | show display | illness
disease sick ill | fast quick rapid swift | holiday leave vacation | salary pay wage | fee charge cost price | firm
company business enterprise | car vehicle automobile | child children kid | doctor physician | medicine drug
medication | house home building | flat apartment | bill invoice | document file paper | user customer client |
staff employee worker personnel | boss manager head chief | repair mend fix | photo photograph picture image | phone
telephone | bike bicycle | email mail e-mail | law statute act | contract agreement | inform notify tell | forbid
prohibit ban | refund reimburse repay compensate | die death dead deceased | live life alive inhabit reside | choose
choice select pick | sell sale sold | think thought | weigh weight heavy | long length | wide width | high height
tall | deep depth | strong strength | hot heat warm | increase rise rose risen grow grew growth raise climb |
decrease decline drop fall fell fallen reduce reduction lower shrink | lose loss lost | build built construct erect
| write wrote written | speak spoke speech | teach taught | send sent dispatch | lend lent loan borrow | yearly
annual | person people human | wash clean rinse | big large great | little small tiny | sum amount total | job work
task | fire blaze | study research | town city | sea ocean | gift present | sign signature | see seen visible sight
| hear heard audible | approve approval consent permission authorise agree | mistake error | quit resign | hire
recruit employ | settle pay paid payment | deliver delivery supply | require need necessary necessity must | destroy
ruin wreck | damage harm | found establish create | explore examine inspect check | allow permit let | keep store
preserve retain | throw discard dispose | protect guard secure | answer reply respond response | ask request apply |
obtain receive get gain | use usage utilise | put place insert | take remove | turn rotate | cover include comprise
| free gratis complimentary | near close adjacent | far distant | old aged age | young youth | rich wealthy | poor
needy | correct right accurate | wrong incorrect false | safe secure | danger risk hazard | important essential
crucial vital | usual common normal typical | rare seldom | entire whole complete full | partly partial | max
maximum most | min minimum least | postpone defer delay | cancel revoke annul | extend prolong lengthen | shorten
abbreviate | join enter | exit leave depart | arrive come reach | travel journey trip | meal food dish lunch dinner
| drink beverage | street road | shop store | money cash funds | attorney lawyer | court judge | guilty fault |
owner possess own belong | neighbour neighbourhood nearby next | sow seed | film shoot shot video movie | hear
listen | advert ad advertise advertisement | ask check consult | watch see stream | stand standing | electricity
power energy current | forest wood | illness unwell | quiet silent noiseless | kilogram kilo | refuse decline reject
turn | agree accept consent | shut close closed | hotel accommodation lodging | pupil student | teacher instructor |
parcel package | luggage baggage | ticket fare | password passcode | login sign-in log | holiday vacation leave |
rubbish waste trash garbage | glasses spectacles | salary income earnings | dwelling home flat | cheap inexpensive
affordable | expensive costly dear | begin open | fix mend repair | employee colleague worker | participant attendee
| visitor guest | passenger traveller rider | pet animal dog cat | driver motorist | cyclist cycle bicycle bike |
pedestrian foot walker | child young minor | adult grown-up | parent mother father guardian | soil earth ground
"""
_IRREGULAR = """
be was were been | bear bore born birth | begin began begun | bite bit bitten | break broke broken | bring brought |
buy bought | catch caught | choose chose chosen | come came | drink drank drunk | drive drove driven | eat ate eaten
| fall fell fallen | feed fed | feel felt | find found | fly flew flown | forget forgot forgotten | forgive forgave
forgiven | freeze froze frozen | get got gotten | give gave given | go went gone | grow grew grown | hang hung |
hide hid hidden | hold held | keep kept | know knew known | lay laid | lead led | leave left | lie lain | lose lost
| make made | mean meant | meet met | pay paid | ride rode ridden | ring rang rung | rise rose risen | run ran | say
said | see saw seen | shake shook shaken | shine shone | shoot shot | shrink shrank shrunk | sing sang sung | sink
sank sunk | sit sat | sleep slept | sow sown | spend spent | stand stood | steal stole stolen | stick stuck | swear
swore sworn | swim swam | take took taken | tear tore torn | throw threw thrown | wake woke woken | wear wore worn |
win won | withdraw withdrew withdrawn | write wrote written
"""
_GROUPS = [frozenset(map(stem, group.split())) for group in f"{_ALIKE}|{_IRREGULAR}".split("|")]
ALIKE: dict[str, frozenset[str]] = {
    word: frozenset[str]().union(*(group for group in _GROUPS if word in group))
    for word in frozenset[str]().union(*_GROUPS)
}
"""Words that may stand for one another, by their stems."""


def same_meaning(word: str, known: frozenset[str]) -> bool:
    """Whether a word stands among the known ones itself, in another form, or as a synonym; all by their stems."""
    return word in known or bool(ALIKE.get(word, frozenset()) & known) or any(_akin(word, each) for each in known)


def _akin(one: str, other: str) -> bool:
    """Of one family: "sign" and "signature", "opened" and "unopened"."""
    short = min(len(one), len(other))
    if short < 4:
        return False
    shared = next((n for n in range(short) if one[n] != other[n]), short)
    return (shared >= 4 and shared >= 0.65 * short) or one.removeprefix("un") == other.removeprefix("un")
