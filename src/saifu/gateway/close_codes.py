"""How a socket ends.

graphql-ws, the reference client, comes back by itself after 1001, 1013 and most codes from 4000 on, and gives up after
1007, 1009, 1011, 4400, 4401, 4406, 4409 and 4429:

| code | means | what a client does |
|---|---|---|
| 1001 | the gateway is stopping; queries and mutations have been answered | comes back, and resumes |
| 1007, 1009 | a text that is not UTF-8; a message that is too large | mends what it sends |
| 1011 | a fault of ours | gives up |
| 1013 | the house cannot be asked; too many sockets of the credential, or guesses of its address | comes back, later |
| 4008 | it did not read for too long; the reason holds the cursor of the last message sent | resumes from it |
| 4400 | a message that is none of the protocol | mends what it sends |
| 4401 | no credential, a wrong one, one that ended; or an operation before `connection_ack` | asks for another |
| 4406 | it does not speak graphql-transport-ws | |
| 4408 | no `connection_init` in time, or pings went unanswered | comes back |
| 4409 | an id that is in use | mends what it sends |
| 4429 | a second `connection_init`, or more messages a second than anybody needs | gives up |
"""

GOING_AWAY = 1001
INTERNAL_ERROR = 1011
TRY_LATER = 1013
SLOW_CONSUMER = 4008
BAD_REQUEST = 4400
UNAUTHORIZED = 4401
NOT_SPOKEN = 4406
TIMEOUT = 4408
ID_IN_USE = 4409
TOO_MANY = 4429
