"""What is common in this hospital, what comes with what, and who treats it.

Codes are written as in MIMIC-III, without a dot; a procedure has a `p` before it. All of it is
common clinical knowledge, except the order of the first fifty, which is the published order of
the fifty most frequent labels of MIMIC-III (see CAML's top 50).
"""

# The most frequent codes, most frequent first. Those after them are ranked by `codes.py`.
COMMON = """
4019 p3893 4280 42731 41401 p9604 p966 5849 25000 p9671 2724 51881 p9904 p3961 5990 53081 p9672
2720 2859 p8856 2449 486 p3891 2851 p3615 2762 496 p9915 99592 V5861 5070 0389 p8872 5859 40390
311 3051 p3722 412 p3324 p3995 2875 41071 2761 V4581 4240 p4513 V1582 5119 p3723
V290 V053 p9955 7742 V3001 p9983 V3000 p9390 40391 4241 78552 V4582 p0066 V5867 5845 2760 42789
p3612 32723 9971 49390 2767 45829 5180 4589 p3613 78039 V1254 p3897 2768 4168 p5491 27800 p9907
E8788 p0331 p3607 3004 78097 p9905 29181 57451 2930 5715 56210 p3404 V4501 E8498 p311 30500 99811
5789 25060 4439 p4311 4271 p0040 431 p0045 43491 4111 p3614 3572 7907 5853 p3606 60000 V1046 V103
70703 27651 4275 p9962 99591 41400 p3521 V5865 7824 2639 p3794 0414 2809 5601 V1251 V667 34590 2948
4538 E8497 p4523 27652 p3950 2749 4254 42832 5770 7140 71590 2874 3310 4321 p0159 85220 E8889 E8859
p9910 81201 8052 42823 4414 51889 00845 07054 4561 5722 p4233 5712 V4511 1977 1983 1970 1628 4210
0380 03842 03811 p3512 p3511 p3522 p8622 p3778 p3761 p640 76518 77931 769 77089 p3734 p5110 5761
p9960 p9920 5362 5185 2766 p3601 p3605 7806 p4516 p4562 p0139 p8154 73313 73300 V5866 28521 5854
58381 25040 36201 25050 2764 5939 V440 V550 p4639 99859 p5459 56081 5679 56983 42822 4299 p3733
4260 42613 1917 2252 3315 p0234 4329 43411 34982 4019 80709 8600 8604 E8120 E8147 80505 p0353
30390 5723 5728 p3993 p5498 570 07070 042 1363 28860 20280 20500 p4131 p9925 p0392 3229 0479
"""

# A disease, and what comes with it: with what chance it is coded beside the first.
CHAINS = """
41401: p8856 .38, p3722 .30, p3615 .22, p3961 .20, 412 .16, 2720 .16, V4581 .12, 4111 .12
p3615: p3961 .80, p3612 .32, p3613 .28, p8872 .25, 9971 .12, 5119 .12, p3614 .12
p3512: p3961 .75, 4240 .60, p8872 .25
p3511: p3961 .75, 4241 .60
p3521: p3961 .85, 4241 .75, p8872 .30
p3522: p3961 .85, 4241 .75
41071: p8856 .55, p0066 .40, p3722 .45, p3607 .25, p0045 .22, 4280 .25
p0066: p0040 .50, p0045 .40, p3607 .35, p8856 .50
4280: 4168 .14, 4240 .14, 5119 .14, 42823 .07, 42832 .07, 40391 .08, 4254 .08
42731: V5861 .26, p9962 .06, 9971 .08, 42789 .06
4271: p3794 .25, V4501 .22, 4275 .15, p3734 .15
4275: p9960 .60, 51881 .55, 4271 .25, p9604 .50
4414: p3971 .45, 4439 .30, 3051 .25
0389: 99592 .60, 78552 .42, 5849 .35, p3893 .45, 51881 .35, 7907 .10
99592: 78552 .50, 5849 .38, 2762 .25, p3893 .40
03842: 99592 .55, 5990 .55, 78552 .30
03811: 99592 .55, 4210 .15, 7907 .20
0380: 99592 .50, 4210 .12
4210: 4240 .40, p8872 .60, 7907 .20
51881: p9604 .62, p9671 .36, p9672 .34, p966 .28, p3891 .22
p9672: p311 .16, p4311 .12, p966 .34, p3324 .22
p311: p4311 .45, V440 .12, p9672 .50
486: 51881 .24, 496 .16, p3324 .14, 5119 .14
5070: 51881 .34, p966 .28, p9604 .24, p3324 .16
496: p9390 .12, 3051 .20, V1582 .18, 4168 .08
32723: 27801 .40, p9390 .30
5849: 2762 .16, 2767 .16, 5845 .06, 2760 .08
5845: p3995 .40, p3895 .28, 2767 .25
40391: 5856 .85, p3995 .66, V4511 .34, 28521 .30
40390: 5859 .72, 28521 .12, 5853 .12
25000: V5867 .16, 27800 .08, 2724 .14
25060: 3572 .75, 5363 .35, V5867 .35
25040: 58381 .75, 5859 .35, V5867 .30
25050: 36201 .80, V5867 .30
5715: 5722 .22, 5723 .32, 45621 .20, p5491 .36, 2875 .22, 78959 .34
5712: 5722 .28, 5723 .32, p5491 .40, 4561 .12, 30390 .40, 78959 .34
07054: 5715 .40, 1550 .12, 5722 .16
570: 5722 .40, 2867 .35, p5059 .10
5789: 2851 .42, p4513 .40, p9904 .40, p4523 .20
56212: 2851 .45, p4523 .55, p9904 .35
53140: 2851 .55, p4443 .50, p4513 .40
2851: p9904 .48
4560: p4233 .55, 5723 .50, 2851 .45
57451: p5188 .45, p5185 .45, 5761 .25
57400: p5123 .65
5770: 57451 .18, p966 .15, 5119 .14, 30390 .16
5601: p5459 .30, 56081 .28, p9915 .22
56983: 5679 .55, p4639 .20, p9915 .30, 99859 .14
29181: 30390 .55, 30391 .25
431: p0131 .14, 3484 .22, 34982 .08, 3485 .22
430: p3972 .35, p8841 .60, 4359 .08, 3314 .25, p0221 .22
43491: 34290 .25, 7843 .20, p9910 .10
4321: p0131 .30
85220: p0131 .28, E8889 .30, 80121 .10
8052: E8147 .25, 8600 .22, 80709 .28, p8105 .20
80709: 8604 .20, 8600 .24, E8120 .25, p3404 .30, 86121 .25
8600: p3404 .60
82021: p7935 .60, E8889 .35, 73300 .18
1917: 3485 .35, p0159 .48, 34590 .18
1983: 3485 .38, 1628 .28, p9229 .14, p0159 .18
1628: 1983 .22, 1985 .20, V1582 .24, p3324 .20
1970: 1977 .22, 1985 .16
1977: 1970 .18, 1975 .10
20500: p9925 .45, 2880 .35, p4131 .35, 28803 .40, p9905 .35
20280: p9925 .35, p4131 .14, 28803 .20
042: 1363 .16, 07070 .10, 1120 .22, V08 .04
3229: p0331 .60
0479: p0331 .60
34590: p8914 .22
5990: 0414 .16, 04104 .08, 5939 .03
00845: 27651 .22, 2761 .10
V3001: V290 .58, V053 .62, p9955 .60, 7742 .34
V3000: V290 .55, V053 .62, p9955 .60, 7742 .34, p640 .28
76518: 77081 .32, 7742 .55, p9983 .45, p966 .25, 77931 .28
769: p9604 .45, p9671 .40, p9390 .40, 7470 .30, p3892 .40
7742: p9983 .48
"""

# Categories that stay with a patient from one admission to the next.
CHRONIC = """
042 244 250 272 274 278 332 340 345 401 403 412 414 416 424 427 428 496 530 571 585 V10 V45 V58
"""

# A service: its share of the admissions, and how much more than elsewhere it sees of a chapter.
SERVICES = {
    "MEDICINE": (0.36, "infectious 4, endocrine 2, digestive 3, respiratory 3, genitourinary 3"),
    "CARDIOTHORACIC": (0.13, "circulatory 4, heart surgery 8"),
    "CARDIOLOGY": (0.13, "circulatory 6"),
    "SURGERY": (0.11, "digestive 5, abdominal surgery 8, injury 2"),
    "NEUROSURGERY": (0.05, "nervous 6, brain surgery 12, neoplasm 2"),
    "NEUROLOGY": (0.05, "nervous 8, mental 4, brain surgery 2"),
    "TRAUMA": (0.06, "injury 12, external 8, bone surgery 8"),
    "OMED": (0.06, "neoplasm 14, blood 5"),
    "NEONATOLOGY": (0.05, "perinatal 25, congenital 8"),
}

DIAGNOSIS_CHAPTERS = (
    (140, "infectious"), (240, "neoplasm"), (280, "endocrine"), (290, "blood"), (320, "mental"),
    (390, "nervous"), (460, "circulatory"), (520, "respiratory"), (580, "digestive"),
    (630, "genitourinary"), (680, "pregnancy"), (710, "skin"), (740, "musculoskeletal"),
    (760, "congenital"), (780, "perinatal"), (800, "symptoms"), (1000, "injury"),
)  # fmt: skip
PROCEDURE_CHAPTERS = (
    (1, "other procedures"), (6, "brain surgery"), (8, "endocrine surgery"), (17, "eye surgery"),
    (18, "other procedures"), (30, "ear and mouth surgery"), (35, "chest surgery"),
    (40, "heart surgery"), (42, "blood procedures"), (55, "abdominal surgery"),
    (60, "urinary surgery"), (72, "genital surgery"), (76, "obstetric procedures"),
    (85, "bone surgery"), (87, "skin surgery"), (100, "other procedures"),
)  # fmt: skip

# How willingly the unranked codes of a chapter are used: this is an adult hospital with an
# intensive care unit, hardly any obstetrics, and few eyes and ears.
UNCOMMON = {
    "pregnancy": 0.05, "obstetric procedures": 0.05, "eye surgery": 0.1, "genital surgery": 0.3,
    "ear and mouth surgery": 0.3, "external": 0.5, "congenital": 0.4, "perinatal": 0.5,
    "musculoskeletal": 0.6, "injury": 0.6, "endocrine surgery": 0.5,
}  # fmt: skip

# Codes withdrawn from ICD-9-CM before its last version, yet present in old admissions:
# they are used, and have no row in D_ICD_*.
WITHDRAWN = """
2766 | Fluid overload
2874 | Secondary thrombocytopenia
2880 | Agranulocytosis
0414 | Escherichia coli infection
4538 | Venous thrombosis of other veins
5185 | Pulmonary insufficiency after trauma and surgery
7806 | Fever
p3601 | Percutaneous angioplasty of one coronary vessel
p3605 | Percutaneous angioplasty of several coronary vessels
"""
