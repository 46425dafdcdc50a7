# ruff: noqa: E501
"""How clinicians write the common codes, and what betrays a code that nobody names.

SPOKEN: paraphrases, most of which share no word with the title. CLUES: a treatment, a result or
a complication from which the code can be read; the longest matching beginning of a code counts,
so that a clue of a whole category tells the category only.
"""

from functools import lru_cache

SPOKEN = """
4019: HTN | hypertension | high blood pressure | elevated BPs | HTN, well controlled
p3893: central line placement | CVL placed | RIJ central line | subclavian line | triple lumen catheter
4280: CHF | congestive heart failure | heart failure exacerbation | decompensated HF | CHF exacerbation
42731: AF | afib | atrial fibrillation | a-fib with RVR | atrial fib | paroxysmal AF
41401: CAD | coronary artery disease | 3 vessel disease | LAD stenosis | native vessel CAD
p9604: intubation | endotracheal intubation | ETT placed | intubated | intubated for airway protection
p966: tube feeds | TF at goal | enteral feeding | NGT feeds | tube feeding started
5849: ARF | acute renal failure | AKI | acute kidney injury | rising creatinine
25000: DM2 | diabetes | type II diabetes | NIDDM | DM type 2 | T2DM
p9671: mechanical ventilation for less than 4 days | ventilated overnight | brief ventilation | vent support, extubated on day 2
p9672: prolonged ventilation | ventilator dependence | failure to wean from the vent | vent for more than 4 days
2724: hyperlipidemia | HLD | dyslipidemia | elevated lipids
2720: hypercholesterolemia | high cholesterol | elevated cholesterol | hyperchol
51881: respiratory failure | hypoxic respiratory failure | acute resp failure | hypercarbic respiratory failure
p9904: pRBC transfusion | transfused 2 units pRBCs | blood transfusion | given 1 unit of PRBC
p3961: cardiopulmonary bypass | CPB | on-pump | bypass time 88 minutes | on bypass
5990: UTI | urinary tract infection | urosepsis | positive UA, treated for UTI | bladder infection
53081: GERD | reflux | acid reflux | gastroesophageal reflux
2859: anemia | low hematocrit | chronic anemia
p8856: cardiac catheterization | cath | coronary angiography | coronary angiogram
2449: hypothyroidism | hypothyroid | underactive thyroid
486: pneumonia | PNA | RLL infiltrate | community acquired pneumonia | CAP
p3891: arterial line | a-line placed | radial A-line | art line
2851: acute blood loss anemia | blood loss anemia | HCT drop | crit drop from bleeding
p3615: LIMA to LAD | CABG | LIMA graft | coronary artery bypass grafting with LIMA
p3612: vein grafts to OM and PDA | SVG x2 | two vein grafts
p3613: SVG x3 | three vein grafts | CABG x4
p3614: SVG x4 | four vein grafts | CABG x5
2762: acidosis | metabolic acidosis | lactic acidosis | anion gap acidosis
496: COPD | chronic obstructive pulmonary disease | emphysema | COPD flare
p9915: TPN | total parenteral nutrition | parenteral nutrition | hyperalimentation
99592: severe sepsis | sepsis with organ dysfunction | SIRS with end organ damage
99591: sepsis | SIRS from infection
V5861: on coumadin | anticoagulated with warfarin | long term coumadin | chronic anticoagulation
5070: aspiration pneumonia | aspiration PNA | aspiration event | aspirated
0389: septicemia | sepsis | bacteremic sepsis | sepsis of unclear source
p8872: TTE | TEE | echocardiogram | echo
5859: CKD | chronic kidney disease | chronic renal insufficiency | CRI
40390: hypertensive nephropathy | hypertensive kidney disease | CKD from HTN
40391: hypertensive ESRD | ESRD due to hypertension | hypertensive renal failure on HD
5856: ESRD | end stage renal disease | dialysis dependent renal failure | ESRD on HD
V4511: on hemodialysis | HD MWF | dialysis TThSat | chronic HD
311: depression | depressed mood | h/o depression
3051: active smoker | tobacco abuse | current smoker 1 ppd | smokes
V1582: former smoker | quit smoking | ex-smoker | remote tobacco
p3722: left heart cath | LHC
p3723: right and left heart cath | R/LHC
412: old MI | prior MI | history of myocardial infarction | s/p MI
p3324: bronchoscopy with BAL | bronch | BAL sent | bronchoalveolar lavage
p3995: hemodialysis | HD | dialyzed | urgent dialysis | dialysis run
2875: thrombocytopenia | low platelets | plts down to 60s
41071: NSTEMI | non ST elevation MI | troponin leak with NSTEMI | subendocardial infarct
2761: hyponatremia | low sodium | hypoNa | Na of 122
2760: hypernatremia | high sodium | hyperNa | free water deficit
2767: hyperkalemia | high potassium | hyperK
2768: hypokalemia | low potassium | hypoK
V4581: s/p CABG | prior CABG | history of bypass surgery
V4582: s/p PCI | prior stents | DES to the RCA in the past
4240: MR | mitral regurgitation | mitral regurg | mitral valve disease
4241: AS | aortic stenosis | aortic valve disease | critical AS
p4513: EGD | upper endoscopy | endoscopy | scoped from above
p4523: colonoscopy | c-scope | scoped from below
5119: pleural effusion | effusions | bilateral effusions
78552: septic shock | hypotension on pressors | pressor dependent sepsis | distributive shock
p9390: BiPAP | CPAP | noninvasive ventilation | NIPPV
p0066: PCI | PTCA | angioplasty of the LAD | balloon angioplasty
p3607: DES placed | drug eluting stent | Cypher stent
p3606: bare metal stent | BMS placed | BMS to the circumflex
V5867: on insulin | insulin dependent | home lantus
5845: ATN | acute tubular necrosis | muddy brown casts
42789: bradycardia | ectopy | sinus tachycardia
32723: OSA | sleep apnea | obstructive sleep apnea
9971: postoperative AF | cardiac complication of surgery | postop arrhythmia
49390: asthma | reactive airway disease
45829: hypotension after procedure | iatrogenic hypotension | low BP after sedation
4589: hypotension | low blood pressure | SBP in the 80s
V1254: h/o TIA | prior stroke | history of CVA
4168: pulmonary hypertension | pulm HTN | elevated PA pressures
p5491: paracentesis | therapeutic tap | 4 liters tapped | diagnostic para
27800: obesity | obese
27801: morbid obesity | BMI of 46 | morbidly obese
p0331: LP | lumbar puncture | spinal tap
29181: alcohol withdrawal | DTs | EtOH withdrawal | CIWA scale
30390: alcoholism | EtOH dependence | alcohol dependence
30500: EtOH abuse | heavy drinking | alcohol abuse
57451: choledocholithiasis | CBD stone | common duct stone
5715: cirrhosis | NASH cirrhosis | end stage liver disease
5712: EtOH cirrhosis | alcoholic cirrhosis | Laennec cirrhosis
5722: hepatic encephalopathy | confusion with asterixis | encephalopathy
5723: portal hypertension | portal HTN
56210: diverticulosis | diverticula
p3404: chest tube | tube thoracostomy | pigtail catheter
p311: tracheostomy | trach | trached
p4311: PEG | G-tube | gastrostomy tube
V4501: pacemaker | PPM | s/p pacer
5789: GI bleed | GIB | melena | BRBPR
4271: VT | ventricular tachycardia | runs of VT
4275: cardiac arrest | PEA arrest | code blue | asystolic arrest
431: ICH | intracerebral hemorrhage | intraparenchymal hemorrhage | head bleed
430: SAH | subarachnoid hemorrhage | ruptured aneurysm
4321: SDH | subdural hematoma | subdural
43491: stroke | CVA | MCA infarct | ischemic stroke
85220: traumatic SDH | subdural after trauma
60000: BPH | enlarged prostate
V1046: h/o prostate cancer | prostate CA s/p XRT
V103: h/o breast cancer | breast CA s/p lumpectomy
7907: bacteremia | positive blood cultures | GPC in blood
2749: gout | gouty flare
2639: malnutrition | poor nutritional status | nutritionally depleted
7824: jaundice | icteric
70703: sacral decub | stage III sacral ulcer | pressure ulcer of the sacrum
34590: seizure disorder | epilepsy | seizures
4254: cardiomyopathy | dilated CMP | EF of 20 percent
4414: AAA | abdominal aortic aneurysm
5770: pancreatitis | acute pancreatitis | gallstone pancreatitis
00845: C diff | C. difficile colitis | cdiff
07054: HCV | hepatitis C | hep C
042: HIV | AIDS | HIV/AIDS
V290: sepsis evaluation | rule out sepsis with 48 hours of ampicillin | sepsis screen
V053: hepatitis B vaccine | hep B given
p9955: hepatitis B vaccine given | immunized before discharge
7742: hyperbilirubinemia | jaundice of prematurity | bili peak 9.8
p9983: phototherapy | under bili lights
V3001: born by C-section | cesarean delivery | delivered by c/s
V3000: vaginal delivery | born by NSVD | spontaneous vaginal delivery
769: RDS | respiratory distress syndrome | surfactant given
"""

CLUES = """
401: continued on home lisinopril | amlodipine uptitrated | BP meds held then resumed
4280: diuresed with IV lasix | net negative 2 liters on furosemide | crackles and JVD on arrival
428: lasix drip | bumetanide for volume | BNP of 4200
42731: rate controlled with diltiazem | irregularly irregular rhythm | amiodarone load
41401: aspirin, plavix and a beta blocker | stress test with reversible defect | exertional chest pressure
41: aspirin and nitroglycerin | troponins trended
5849: Cr up to 3.1 from a baseline of 1.0 | renally dosed meds and held ACE inhibitor | FeNa below one percent
25000: metformin held | insulin sliding scale | glyburide at home
250: A1c of 9.2 | fingersticks four times daily | glargine at night
272: simvastatin | on atorvastatin | statin continued
51881: unable to maintain saturations | ABG with pCO2 of 78 | transferred to the unit for work of breathing
5990: UA with many bacteria | ciprofloxacin for pyuria | foley changed and urine cultured
53081: omeprazole daily | on a PPI at home | pantoprazole continued
2851: hematocrit fell from 34 to 23 | oozing from the surgical site
285: iron studies sent | hct stable around 29
2449: levothyroxine | synthroid continued | TSH checked
244: levothyroxine
486: levofloxacin for infiltrate | productive cough and consolidation | ceftriaxone and azithromycin
2762: bicarbonate of 12 | lactate of 6.2 | bicarb drip
496: home oxygen and tiotropium | nebulizers and a prednisone taper | albuterol and ipratropium
995: broad spectrum antibiotics and fluids | lactate trended, pan cultured | febrile with leukocytosis
038: vancomycin and zosyn empirically | blood cultures grew after one day
78552: levophed started | weaned off norepinephrine | MAP goal above 65
5070: coughing with thin liquids | failed bedside swallow | flagyl added for anaerobes
585: nephrology followed | phosphate binders with meals | epoetin weekly
403: renal diet | fistula with good thrill
311: sertraline | on citalopram | tearful, SW consulted
3051: nicotine patch | counselled on cessation
412: old inferior Q waves
2875: HIT antibody sent | platelet count nadir of 41 | heparin products stopped
410: heparin drip and integrilin | CK peaked at 1800
2761: fluid restricted to 1 liter | hypertonic saline
276: electrolytes repleted | kayexalate given
424: systolic murmur at the apex | valve area of 0.7
5119: dullness at the base | thoracentesis considered
427: telemetry with ectopic beats | digoxin level checked
493: wheezing on exam, peak flows followed
571: lactulose titrated | spironolactone and nadolol | spider angiomata
572: rifaximin | lactulose titrated to bowel movements
578: guaiac positive stool | octreotide drip | tagged red cell scan
431: neuro checks every hour | SBP goal below 140 | mannitol given
43: left sided weakness | facial droop | swallow evaluation
85: head CT repeated at 6 hours | dilantin for prophylaxis
80: c-collar at all times | log roll precautions
345: keppra load | EEG monitoring
303: thiamine and folate | valium per CIWA
291: ativan for tremor
577: lipase of 2400 | NPO with aggressive hydration
00845: oral vancomycin | loose stools while on antibiotics
600: tamsulosin | foley failed voiding trial
2749: allopurinol | colchicine for the toe
707: wound care nurse followed | wet to dry dressings
042: CD4 count of 112 | HAART resumed | bactrim prophylaxis
20: induction chemotherapy | neupogen until counts recovered
1: oncology followed | staging scans reviewed
V58: INR followed by the clinic
765: weaned to room air in the isolette | caffeine for spells
774: bilirubin followed daily
V30: apgars eight and nine
p3893: right neck access obtained | port for pressors obtained
p960: taken emergently to the OR for airway
p967: sedated with propofol | weaned from the vent to pressure support
p966: nutren at 60 an hour | promote with fiber
p9904: one unit given without reaction
p36: grafts harvested endoscopically
p3961: aortic crossclamp time noted
p39: renal fellow notified of access
p885: clean coronaries on dye study
p887: EF estimated at 55 percent | wall motion read
p45: clips placed | biopsies pending
p34: output less than 150 cc per day
p54: fluid sent for cell count
p33: sputum and washings sent
p01: taken to the OR by neurosurgery
"""


@lru_cache(maxsize=1)
def spoken() -> dict[str, tuple[str, ...]]:
    """The paraphrases of each common code."""
    return _read(SPOKEN)


def clues(key: str) -> tuple[str, ...]:
    """The clues of the longest beginning of the code that has any, else none."""
    known = _clues()
    return next((known[key[:n]] for n in range(len(key), 0, -1) if key[:n] in known), ())


@lru_cache(maxsize=1)
def _clues() -> dict[str, tuple[str, ...]]:
    return _read(CLUES)


def _read(block: str) -> dict[str, tuple[str, ...]]:
    pairs = (line.split(": ", 1) for line in block.strip().splitlines())
    return {key: tuple(phrases.split(" | ")) for key, phrases in pairs}
