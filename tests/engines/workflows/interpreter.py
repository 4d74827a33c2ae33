"""moto's interpreter of the Amazon States Language behind the API of Step Functions: interpreter.py PORT FUNCTIONS_URL.

A Lambda task is a POST of its payload to FUNCTIONS_URL/<function>: 200 is its result, any other status its error object.
"""

import io
import sys
import threading
import urllib.error
import urllib.request

from moto.core.config import default_user_config
from moto.server import ThreadedMotoServer
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

PORT, FUNCTIONS_URL = int(sys.argv[1]), sys.argv[2]


class Functions:
    """The one operation of Lambda's client that the interpreter uses."""

    def invoke(self, FunctionName: str, Payload: bytes = b"null", **_: object) -> dict:
        name = FunctionName.split(":function:")[-1]
        request = urllib.request.Request(f"{FUNCTIONS_URL}/{name}", data=Payload, method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return self._answer(answer.read())
        except urllib.error.HTTPError as error:
            return {**self._answer(error.read()), "FunctionError": "Unhandled"}

    @staticmethod
    def _answer(payload: bytes) -> dict:
        return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": io.BytesIO(payload)}


client_of = lambda_eval_utils.boto_client_for
lambda_eval_utils.boto_client_for = lambda service, **options: (
    Functions() if service == "lambda" else client_of(service=service, **options)
)
default_user_config["stepfunctions"] = {"execute_state_machine": True}
ThreadedMotoServer(ip_address="127.0.0.1", port=PORT, verbose=False).start()
threading.Event().wait()
