"""What the speakers of the demo corpus say: the words tell pleasant from unpleasant, and only a few tell more.

    open      any emotion             no cue at all
    dark      anger or sadness        unpleasant, but which of the two is left to the voice
    light     happiness or neutral    not unpleasant, likewise
    own       one emotion alone       the words suffice

Slots are filled from the same words whatever the emotion, so a slot tells nothing.
"""

OPEN = (
    "Did you talk to {person} about the {thing}?",
    "I just heard about it from {person}.",
    "So that was what {person} wanted on {day}.",
    "You can look at the {thing} yourself.",
    "I did not expect to see {person} here.",
    "That is what they told me at the {place}.",
    "Do you know what {person} said to me?",
    "I have thought about it since {day}.",
    "This is about {person} and the {thing}.",
    "It is the same as it was on {day}.",
    "They called me from the {place}.",
    "I will tell {person} when I get to the {place}.",
)

SHARED = {
    "dark": (
        "They broke the {thing} and nobody said sorry.",
        "{person} lied to me about the {place}.",
        "You forgot what I asked you on {day}.",
        "Nobody listens to me at the {place}.",
        "They took the {thing} away from me.",
        "{person} left without saying a word.",
        "I waited at the {place} and nobody came.",
        "It is ruined, the whole {thing} is ruined.",
        "You promised, and it never happened.",
        "They cancelled it again, for the third time.",
        "{person} does not even answer my calls.",
        "I never got the {thing} back.",
        "Nothing works since {day}, nothing at all.",
        "They said no, and nobody gave me a reason.",
        "It was my last chance and {person} wasted it.",
        "After all I did, they gave the job to {person}.",
        "You were not there when it went wrong.",
        "It hurts that {person} never trusted me.",
        "They sold the {thing} without asking me.",
        "The bad news reached us on {day}.",
    ),
    "light": (
        "{person} is coming to visit us on {day}.",
        "We are going to the {place} together.",
        "The {thing} arrived in the morning.",
        "I found the {thing} in the kitchen.",
        "{person} got the new job at the {place}.",
        "We will have dinner with {person} on {day}.",
        "They are opening a new {place} on our street.",
        "Tomorrow we are taking the train to the sea.",
        "My sister is bringing cake for everyone.",
        "{person} is learning to play the piano.",
        "The sun comes out in the afternoon.",
        "We planted some flowers next to the {place}.",
        "I am making coffee, would you like some?",
        "They are showing the film again on {day}.",
        "{person} has sent us a letter and a {thing}.",
        "We can take the whole of {day} off.",
        "The children are painting the {thing} yellow.",
        "I am going to sing with {person} this evening.",
        "Our team is playing at home on {day}.",
        "There is music at the {place} tonight.",
    ),
}

PAIRS = {"anger": "dark", "happiness": "light", "neutral": "light", "sadness": "dark"}

OWN = {
    "anger": (
        "Stop it, I have had enough of this {thing}.",
        "How dare you touch my {thing}?",
        "Get out of the {place}, right now.",
        "Stop shouting at {person}, this is your fault.",
        "I am furious with {person}, how dare she?",
        "Enough, do not blame me for your {thing}.",
        "It is your fault, so stop blaming {person}.",
        "This {place} makes me furious, get me out.",
    ),
    "sadness": (
        "I miss {person} so much since the funeral.",
        "I feel so alone in the {place}.",
        "I cried all night, I am so tired.",
        "{person} is gone, and I feel empty.",
        "I still miss the old {thing}, it is gone.",
        "There is no hope left, I am so alone.",
        "I feel lost without {person}, I miss her.",
        "All my hope is gone, I just cried on {day}.",
    ),
    "happiness": (
        "This is wonderful, I love the {thing}.",
        "We won, we really won, let us celebrate.",
        "I am so glad, {person} said yes.",
        "What a wonderful surprise on {day}.",
        "I love this {place}, it is beautiful.",
        "We laughed so much with {person}, it was great.",
        "Great, let us celebrate at the {place}.",
        "I am so glad about the beautiful {thing}.",
    ),
    "neutral": (
        "The office opens at nine on {day}.",
        "Please put the form next to the {thing}.",
        "The number of the {place} is on the list.",
        "The meeting with {person} starts at nine.",
        "Please sign the form at the {place}.",
        "The {thing} is on page seven of the list.",
        "The usual meeting is moved to {day}.",
        "The office number is on page seven.",
    ),
}

SLOTS = {
    "person": ("Anna", "Martin", "my brother", "Laura", "the neighbour", "Peter", "Susan", "my boss"),
    "thing": ("car", "phone", "table", "book", "garden", "bicycle", "camera", "box"),
    "place": ("school", "station", "office", "house", "market", "hospital", "library", "hotel"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
