"""Words that tell whether a point ends a sentence, of European languages."""

# They end no sentence unless the word behind them is one of `STARTERS`.
ABBREVIATIONS = frozenset(
    """
    adm brig capt cmdr col comdr cpl dr drs esq fr gen gov hon insp lt maj messrs
    mlle mme mr mrs ms msgr prof pres rep rev sen sgt st ste supt assn bros co corp
    dept div est inc ltd mfg univ ave blvd bldg cres ct fwy hwy jct ln mt mts ft
    pkwy pl rd rte sq al approx apt app art bk cf ch ed eds eq et etc ex ext fig
    figs fn ibid id incl jr nb no nos op p par pp para pt pts ref refs sec ser sr
    suppl tab trans v var viz vol vols vs avg cu doz ea fl gal hr hrs in kg km lb
    lbs max mi min misc mph oz pct temp tel wt yd yr yrs ca jan feb mar apr jun jul
    aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun abb abs
    allg anm bd bes bspw bzgl bzw dgl dipl evtl ff fa fam geb gegr ggf hg hl hrsg
    inkl ing jh jhd kap mio mrd mwst nr pfd ph rel s sog std str stk tsd u usf usw
    vgl z zz zzgl bijv blz dhr e.d enz mevr mw nl o.a bl.a f.eks osv av chap env hab
    mgr mm p.ex vve cia dna dto ee ej gral izq lic num pag sra sras sres srta ud uds
    avv dott dott.ssa ecc egr geom sig sigg sig.ra spett dra eng exmo sta sto г гг
    гр д долл им коп млрд млн напр обл пр рис руб см стр табл тел тыс ул чел
    """.split()
)
# Some of them are words as well: an abbreviation before a number or a small letter.
WORDS_AS_WELL = frozenset("no in sun sat wed mar id art max min sec ex est".split())
STARTERS = frozenset(
    """
    a after all although and another any are as at because before but did do each even
    every few for had has have he her here his how however i if in indeed is it its
    many more most my no nobody none nor not nothing now of on once one only or
    other others our perhaps she since so some such that the their then there these
    they this those though thus to unless until was we were what when where which
    while who whose why will with yes yet you your aber auch auf da danach dann das
    der die dies diese ein eine er es heute ich im ist man nach sie und wenn wer wie
    wir zu ce cela ces cette dans elle en et il ils je la le les mais nous puis un
    une vous el ella ellos esta este las los pero se su una y lo gli ma questo а в
    его и когда мы на но он она они это этот я
    """.split()
)
# German dates: "am 3. Mai".
GERMAN_MONTHS = frozenset(
    """
    januar februar märz april mai juni juli august september oktober november
    dezember jahrhundert jahrhunderts jänner
    """.split()
)
