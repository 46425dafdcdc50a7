# ruff: noqa: E501
"""The words of the filler: templates whose `{slots}` are filled from the tables below.

None of it says anything about the codes of an admission; medicines come as they come. All text
is made up. Names and dates are the bracketed placeholders of de-identified notes.
"""

_DRUGS = """
Lisinopril Metoprolol Atenolol Amlodipine Furosemide Simvastatin Atorvastatin Aspirin Clopidogrel
Warfarin Omeprazole Pantoprazole Famotidine Docusate Senna Bisacodyl Acetaminophen Oxycodone
Hydromorphone Morphine Tramadol Ibuprofen Gabapentin Sertraline Citalopram Trazodone Lorazepam
Zolpidem Quetiapine Haloperidol Olanzapine Levothyroxine Prednisone Albuterol Ipratropium
Fluticasone Tiotropium Montelukast Guaifenesin Metformin Glyburide Glipizide Insulin Heparin
Enoxaparin Digoxin Diltiazem Amiodarone Hydralazine Isosorbide Nitroglycerin Spironolactone
Torsemide Hydrochlorothiazide Losartan Valsartan Captopril Labetalol Carvedilol Clonidine
Levofloxacin Ciprofloxacin Vancomycin Cefazolin Cefepime Ceftriaxone Metronidazole Azithromycin
Ampicillin Nafcillin Meropenem Fluconazole Acyclovir Levetiracetam Phenytoin Lamotrigine
Allopurinol Colchicine Tamsulosin Finasteride Calcium Magnesium Potassium Folate Thiamine
Multivitamin Cyanocobalamin Ferrous Epoetin Sevelamer Cinacalcet Lactulose Ursodiol Ondansetron
Metoclopramide Prochlorperazine Loperamide Simethicone Latanoprost Timolol Miconazole Nystatin
Lidocaine Bupropion Mirtazapine Donepezil Memantine Ropinirole Carbidopa Baclofen Cyclobenzaprine
"""

# Numbers from the first to before the second: whole ones, and tenths.
_WHOLE = {
    "n": (2, 60), "n3": (60, 420), "hr": (56, 128), "rr": (12, 30), "sat": (88, 101),
    "few": (2, 9), "na": (128, 149), "cl": (94, 115),
}  # fmt: skip
_TENTHS = {
    "n2": (8, 150), "t": (964, 1012), "k": (31, 56), "cr": (5, 34), "wbc": (38, 190),
    "hgb": (78, 150), "hct": (240, 450), "inr": (9, 34),
}  # fmt: skip

SLOTS: dict[str, list[str]] = {
    "drug": _DRUGS.split(),
    **{name: [str(n) for n in range(*ends)] for name, ends in _WHOLE.items()},
    **{name: [f"{n / 10:.1f}" for n in range(*ends)] for name, ends in _TENTHS.items()},
    "form": ["Tablet", "Capsule", "Tablet, Chewable", "Tablet Sustained Release", "Capsule, Delayed Release(E.C.)"],
    "dose": ["5", "10", "20", "25", "40", "50", "75", "81", "100", "200", "250", "300", "325", "500", "650", "1000"],
    "count": ["One (1)", "Two (2)", "0.5", "One (1)"],
    "often": [
        "DAILY (Daily)", "BID (2 times a day)", "TID (3 times a day)", "HS (at bedtime)",
        "Q6H (every 6 hours) as needed for pain", "Q4-6H (every 4 to 6 hours) as needed",
        "QID (4 times a day)", "once a day", "every other day",
    ],
    "short": ["qd", "bid", "tid", "qhs", "prn", "q6h prn", "po daily", "po bid"],
    "date": [f"[**21{y}-{m}-{d}**]" for y, m, d in zip(range(10, 90, 2), [*range(1, 13)] * 4, range(1, 29), strict=False)],
    "doctor": [f"Dr. [**Last Name (STitle) {n}**]" for n in range(1101, 1160)],
    "hospital": [f"[**Hospital{n} {m}**]" for n in (1, 2, 3, 4, 6) for m in (18, 69, 1708, 2025)],
    "clock": [f"{h:02d}:{m:02d}{half}" for h in range(1, 13) for m in (5, 20, 34, 50) for half in ("AM", "PM")],
    "bp": [f"{a}/{b}" for a in range(92, 176, 4) for b in range(48, 92, 6)],
    "who": ["Patient", "Pt", "The patient"],
    "them": ["the patient", "pt", "patient"],
    "day": ["hospital day 3", "HD 4", "the day of discharge", "POD 2", "POD #1", "the following morning", "the first night"],
    "service": ["cardiology", "surgery", "nephrology", "infectious disease", "neurology", "physical therapy", "social work", "nutrition", "pulmonary", "gastroenterology", "palliative care", "wound care"],
    "place": ["the floor", "the MICU", "the SICU", "the CCU", "the ED", "the step-down unit", "rehab", "home with services"],
    "part": ["chest", "abdomen", "head", "pelvis", "neck", "left leg", "right arm"],
    "way": ["without incident", "without difficulty", "uneventfully", "as expected", "in stable condition", "with good effect", "per protocol", "slowly", "overnight"],
    "work": ["retired teacher", "retired machinist", "bus driver", "office worker", "homemaker", "carpenter", "retired nurse", "shop owner", "engineer", "on disability"],
    "kin": ["wife", "husband", "daughter", "son", "sister", "partner", "family", "mother"],
}  # fmt: skip

STORY = """
{who} was in the usual state of health until {few} days prior to admission.
{who} was seen at {hospital} and transferred here for further care.
In the ED, initial vitals were T {t} HR {hr} BP {bp} RR {rr} {sat}% on room air.
{who} reports feeling tired over the last {few} days with poor appetite.
{who} called the primary care doctor, who advised coming to the ED.
The {kin} states that {them} was more sleepy than usual at home.
{who} was given {few} L of IV fluids, {drug} and {drug} in the ED.
An EKG was done and compared with the prior from {date}.
On arrival to {place}, {them} was comfortable and able to speak in full sentences.
Per the {kin}, there were no recent changes in medications except for {drug}.
{who} last saw {doctor} on {date} for a routine visit.
Review of systems was otherwise unremarkable on detailed questioning.
Outside records were requested from {hospital} and were reviewed by the team.
{who} had been taking {drug} {dose} mg {short} but ran out {few} days ago.
Symptoms began gradually, were worse at night, and did not improve with rest.
{who} lives with {kin} and ambulates with a walker at baseline.
{who} was then admitted to {place} for further management.
The {kin} said "not quite right since {date}", and nothing more could be learned.
"""

COURSE = """
{who} was followed by {service} throughout the stay.
The {service} team was consulted and agreed with the plan.
{who} was transferred to {place} on {day} {way}.
Diet was advanced as tolerated {way}.
{drug} was started on {day} and was tolerated well.
{drug} was held on admission and restarted on {day}.
Home {drug} was continued at {dose} mg {short}.
Labs were trended daily and remained near the baseline.
Pain was controlled with {drug} and {drug}.
Physical therapy saw the patient and recommended {place}.
The foley was removed on {day} and the patient voided {way}.
A family meeting was held with the {kin} on {day}.
{who} ambulated in the hall {few} times with assistance.
The dressing was changed daily; the site was clean, dry and intact.
Vital signs remained stable and the patient was afebrile for {n} hours.
On {day} {them} was alert, oriented and following commands.
Electrolytes were checked twice daily and replaced as needed.
By {day} {them} was eating a regular diet and ready for {place}.
FEN: regular diet, IV fluids stopped, electrolytes repleted.
Prophylaxis: subcutaneous {drug}, bowel regimen with {drug}.
Code status was discussed with the {kin} and documented in the chart.
Access: peripheral IV. Communication: with the {kin}.
The drain put out {n} cc over {n} hours and was pulled {way}.
Repeat imaging of the {part} on {day} was unchanged.
"""

EXAM = """
VS: T {t} HR {hr} BP {bp} RR {rr} O2 sat {sat}% on {few}L NC
Gen: well appearing, in no acute distress, lying in bed
HEENT: NC/AT, PERRL, EOMI, oropharynx clear, moist mucous membranes
Neck: supple, JVP {few} cm, no lymph nodes felt
CV: RRR, nl S1 S2, no rubs or gallops
Lungs: clear to auscultation bilaterally, good air movement
Abd: soft, NT, ND, normoactive bowel sounds
Ext: warm, well perfused, 2+ distal pulses
Neuro: alert and oriented x3, CN II-XII intact, strength 5/5 throughout
Skin: warm and dry, no rash
Psych: appropriate, cooperative with the examination
Back: no CVA tenderness
GENERAL: pleasant, sitting in a chair, speaking with the {kin}
Pulses: R DP 2+ PT 1+ L DP 2+ PT 2+
"""

LABS = """
{date} {clock} BLOOD WBC-{wbc} RBC-{k}* Hgb-{hgb}* Hct-{hct}* MCV-{hr} MCH-{rr}.4 MCHC-33.{few} RDW-{hgb} Plt Ct-{n3}
{date} {clock} BLOOD Glucose-{n3}* UreaN-{n} Creat-{cr} Na-{na} K-{k} Cl-{cl} HCO3-{rr} AnGap-{rr}
{date} {clock} BLOOD PT-{hgb} PTT-{hct} INR(PT)-{inr}
{date} {clock} BLOOD ALT-{n} AST-{n} LD(LDH)-{n3} AlkPhos-{n3} Amylase-{n} TotBili-{n2}
{date} {clock} BLOOD Calcium-{few}.{few} Phos-{k} Mg-{inr}
{date} {clock} BLOOD CK(CPK)-{n3} CK-MB-{n} cTropnT-0.{n}
{date} {clock} BLOOD Type-ART pO2-{n3} pCO2-{n} pH-7.3{few} calTCO2-{rr} Base XS-{few}
{date} {clock} BLOOD Neuts-{n} Bands-{n} Lymphs-{n} Monos-{n} Eos-{n} Baso-{n}
{date} {clock} URINE Color-Yellow Appear-Clear Sp [**Last Name (un) {n3}**]-1.0{rr}
{date} {clock} URINE Blood-NEG Nitrite-NEG Protein-TR Glucose-NEG Ketone-NEG Bilirub-NEG pH-6.0 Leuks-NEG
{date} {clock} URINE RBC-{n} WBC-{n} Bacteri-FEW Yeast-NONE Epi-{n}
{date} {clock} BLOOD Lactate-{inr} freeCa-1.{rr}
{date} {clock} BLOOD TSH-{cr} Albumin-{k} Iron-{n} Ferritn-{n3}
CT {part} {date}: comparison with {date}. Multiplanar images were obtained {way}.
Portable AP view of the {part}: lines and tubes in standard position, little interval change.
ECG {date}: sinus rhythm at {hr}, axis and intervals as before, compared to tracing of {date}.
Microbiology {date}: BLOOD CULTURE pending at the time of discharge.
"""

MEDICATIONS = """
{drug} {dose} mg {form} Sig: {count} {form} PO {often}.
{drug} {dose} mg {form} Sig: {count} {form} PO {often}. Disp:*{n} {form}(s)* Refills:*0*
{drug} {dose} mg {short}
{drug} {dose} mg {short}, last dose on {date}
{drug} {n2} % Cream Sig: {count} Appl Topical {often}.
{drug} {n2} mg/mL Solution Sig: {count} Injection {often}.
"""

INSTRUCTIONS = """
Please take all medications as prescribed and keep your follow up appointments.
You were admitted to {hospital} and were cared for by {doctor} and the {service} team.
Please call your doctor or return to the emergency room if you feel worse in any way.
Do not drive or operate heavy machinery while taking {drug}.
Weigh yourself every morning and call {doctor} if your weight rises by more than 3 lbs.
Please eat a low salt, heart healthy diet and drink plenty of fluids unless told otherwise.
No lifting greater than 10 pounds for {few} weeks; shower, do not bathe.
We stopped your {drug} and started you on {drug} {dose} mg {short}.
Followup with {doctor} in {few} days. Phone: [**Telephone/Fax (1) {n3}**]
Provider: {doctor} Date/Time: {date} {clock}
Your sutures will be removed by {service} at your next visit.
Have your blood drawn at {hospital} on {date} and faxed to {doctor}.
Activity as tolerated; gradually go back to what you did before.
"""

SOCIAL = """
Lives with {kin}, {work}.
{work}, lives alone, has a {kin} nearby.
Moved here {n} years ago, {work}, independent in daily activities.
Married, {few} grandchildren, worked as a {work}.
"""

NURSING = """
NEURO: pt alert and oriented, follows commands, mae, pupils 3mm brisk.
RESP: lungs coarse, suctioned for thick white secretions, sats {sat}%.
CV: hr {hr}s nsr, bp {bp}, no ectopy noted, pulses palpable.
GI: abd soft, bs present, tol {n} cc feeds, no stool this shift.
GU: foley draining clear yellow urine {n}-{n} cc/hr.
SKIN: intact, dressing changed at {clock}, no drainage.
SOCIAL: {kin} in to visit, updated by team.
PLAN: cont to monitor, wean as tolerated, check labs at {clock}.
{who} received {drug} {dose} mg at {clock} {way}.
Action: {drug} given, turned q2h, emotional support to {kin}.
Response: comfortable, will continue with current plan.
"""

REPORTS = """
REASON FOR THIS EXAMINATION: interval change, line position
FINAL REPORT: comparison is made with the prior study of {date}.
TECHNIQUE: contiguous axial images of the {part} were obtained with contrast.
FINDINGS: heart size and mediastinal contours are within normal limits.
There has been little interval change since {date}.
The osseous structures of the {part} are unremarkable.
IMPRESSION: no significant change from {date}. Findings were discussed with {doctor} at {clock}.
Clip # [**Clip Number (Radiology) {n3}**]
Sinus rhythm, rate {hr}. Compared to the previous tracing of {date} no change.
Left ventricular wall thickness and cavity size are normal.
Assessment: {them} seen with {kin}; goals reviewed, will follow {few} times a week.
Recommendations: advance to {n} kcal per kg, recheck weight on {date}.
"""

ALLERGIES = ("Patient recorded as having No Known Allergies to Drugs", "Penicillins", "Sulfonamides",
              "Codeine / Morphine", "Iodine; Shellfish Derived", "Lisinopril", "Latex")  # fmt: skip
COMPLAINTS = ("weakness", "feeling unwell", "transfer from outside hospital", "found down", "elective admission",
               "abnormal laboratory values", "pain", "fatigue", "change in mental status")  # fmt: skip
DISPOSITIONS = ("Home", "Home With Service", "Extended Care", "Rehabilitation")
CONDITIONS = (
    "Stable",
    "Good",
    "Fair",
    "Mental Status: clear and coherent. Activity: ambulatory.",
    "Guarded",
)
