"""The greeting, as in the guide "Flask on Kubernetes from scratch"."""

from flask import Flask, jsonify

app = Flask(__name__)


@app.route("/")
def hello():
    return jsonify(message="Hello from Flask in Kubernetes!", runtime="flask", version="0.1.0")
