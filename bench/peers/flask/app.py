"""The greeting as "Flask on Kubernetes from scratch" gives it."""

from flask import Flask, jsonify

app = Flask(__name__)


@app.route("/")
def hello():
    return jsonify(message="Hello from Flask in Kubernetes!", runtime="flask", version="0.1.0")
