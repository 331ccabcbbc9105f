"""What a made-up company's handbook says: questions with the sentence that answers them."""

from __future__ import annotations

from typing import NamedTuple


class Fact(NamedTuple):
    """A question, the sentence that answers it, the accepted answer, and an answer that is wrong."""

    topic: str
    question: str
    sentence: str
    answer: str
    wrong: str


_TABLE = {
    "leave": (
        (
            "Until when can I take what is left of last year's leave?",
            "Unused leave of up to five days carries over until 31 March.",
            "31 March",
            "You can take it until the end of June.",
        ),
        (
            "How far ahead do I have to ask for three weeks of leave?",
            "Leave of more than ten working days is asked for six weeks ahead.",
            "six weeks",
            "Two weeks ahead is enough.",
        ),
        (
            "How many days of leave does somebody get who works three days a week?",
            "Part-time staff on three days a week get 17 days of leave a year.",
            "17 days",
            "They get 28 days like everybody else.",
        ),
    ),
    "expenses": (
        (
            "What is the most I can spend on a hotel in London per night?",
            "Hotels in London are paid for up to 185 pounds a night including breakfast.",
            "185 pounds",
            "Hotels are paid for up to 120 pounds a night.",
        ),
        (
            "Do I need a receipt for a taxi of 9 pounds?",
            "Receipts are needed for every single expense of 10 pounds or more.",
            "10 pounds or more",
            "Yes, every taxi needs a receipt.",
        ),
        (
            "When are expense claims paid out?",
            "Claims approved by the 20th are paid out with the salary of the same month.",
            "with the salary of the same month",
            "They are paid within five working days.",
        ),
    ),
    "travel": (
        (
            "From how many hours of flight may I book premium economy?",
            "Premium economy may be booked for flights of seven hours or longer.",
            "seven hours",
            "Economy is booked for all flights.",
        ),
        (
            "Who approves trips outside Europe?",
            "Trips outside Europe are approved by the head of the department.",
            "the head of the department",
            "Your line manager approves all trips.",
        ),
        (
            "Which rail class is booked for journeys under two hours?",
            "Rail journeys of less than two hours are booked in standard class.",
            "standard class",
            "First class is booked where it is cheaper.",
        ),
    ),
    "equipment": (
        (
            "How often is a laptop replaced?",
            "Laptops are replaced every four years or when a repair costs more than half their value.",
            "every four years",
            "Laptops are replaced every three years.",
        ),
        (
            "May I take a second monitor home?",
            "One monitor of up to 27 inches may be taken home on a signed loan form.",
            "on a signed loan form",
            "Monitors stay in the office.",
        ),
        (
            "What do I do when my badge is lost?",
            "A lost badge is reported to the front desk within 24 hours and blocked at once.",
            "within 24 hours",
            "Ask your manager for a new badge.",
        ),
    ),
    "security": (
        (
            "How long must a passphrase be?",
            "Passphrases have at least sixteen characters and are not changed on a schedule.",
            "sixteen characters",
            "Passwords need eight characters and a digit.",
        ),
        (
            "Where do I report a suspicious mail?",
            "Suspicious mail is forwarded as an attachment to the security desk.",
            "to the security desk",
            "Delete the mail at once.",
        ),
        (
            "After how many minutes does my screen have to lock?",
            "Screens lock by themselves after five minutes without input.",
            "five minutes",
            "Screens lock after fifteen minutes.",
        ),
    ),
    "parental leave": (
        (
            "How long is parental leave paid in full?",
            "Parental leave is paid in full for eighteen weeks, whoever takes it.",
            "eighteen weeks",
            "It is paid in full for twelve weeks.",
        ),
        (
            "When do I tell my manager about parental leave?",
            "Parental leave is announced twelve weeks before it begins.",
            "twelve weeks before",
            "It is announced as early as possible.",
        ),
        (
            "Can parental leave be taken in parts?",
            "It may be taken in up to three parts within the first two years.",
            "up to three parts",
            "It has to be taken in one piece.",
        ),
    ),
}

FACTS = tuple(Fact(topic, *row) for topic, rows in _TABLE.items() for row in rows)

FILLERS = (
    "The office manager keeps the signed forms for as long as the law asks for and gives copies on request.",
    "Exceptions are agreed in writing and are valid for the calendar year in which they were agreed.",
    "This section replaces all earlier notices; questions about it go to the people team.",
    "Where a local law is stricter than this handbook, the local law counts and is linked at the end.",
    "Contractors follow the rules of their own company and get access for the length of their contract.",
    "The figures are looked at every spring and published on the first working day of April.",
    "Teams may agree on something narrower among themselves, never on something wider.",
    "A manager who cannot be reached within two days is stood in for by the next one up.",
    "The form asks for a reason, a cost centre and the dates, and is answered within a week.",
)
